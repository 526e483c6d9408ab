"""The sockets of the daemon, and who and how many may use them."""
