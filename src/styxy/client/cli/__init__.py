"""The commands: one small module per group, found through the table in `main`."""
