"""What the daemon reports about itself: health, metrics, exhaustion."""
