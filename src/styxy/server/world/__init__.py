"""What the daemon knows about the machine: listeners, processes, projects, configuration."""
