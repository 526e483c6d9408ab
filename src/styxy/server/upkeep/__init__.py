"""What the daemon does on its own: watch, recover, reload, back up."""
