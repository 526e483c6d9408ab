"""What the daemon says of itself: health, metrics, shortages."""
