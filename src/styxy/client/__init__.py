"""What people and agents use: the command line and the connection to the daemon.

Everything here is started all day long by agents and scripts, so a module imports only what its own
command needs; a test counts. The server is never imported: the two meet over HTTP.
"""
