"""The service that keeps the daemon running: what it is, and the service manager that has it."""
