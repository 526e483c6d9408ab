"""What the daemon does unasked: watch, recover, reload, back up."""
