"""What people and agents hold: the command line and the way to the daemon.

Everything here is started all day long by agents and scripts, so a module imports what its own
command needs and no more; a test counts. The server is never imported: both meet over HTTP.
"""
