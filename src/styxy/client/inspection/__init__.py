"""What can be found out about a port: its server, its containers, whose it is."""
