"""What the daemon knows of the machine: listeners, processes, projects, configuration."""
