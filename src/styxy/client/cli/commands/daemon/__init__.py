"""The commands about the daemon itself: its life, the service that keeps it, its examination."""
