"""What the hooks of coding agents ask the daemon, and what they are answered."""
