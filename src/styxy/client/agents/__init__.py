"""What coding agents are given: hooks, and the ways to install them."""
