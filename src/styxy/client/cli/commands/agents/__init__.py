"""The commands for coding agents and what they type."""
