"""The connection to the daemon: find it, start it once, call it, follow it."""
