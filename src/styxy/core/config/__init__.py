"""What a user may set: the table of settings, their validation and their changes."""
