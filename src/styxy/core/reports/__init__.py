"""What is on a port, put together from leases, listeners and processes."""
