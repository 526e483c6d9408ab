"""The daemon's sockets, and who may use them and how much."""
