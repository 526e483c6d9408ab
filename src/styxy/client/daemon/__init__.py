"""The way to the daemon: find it, start it once, call it, follow it."""
