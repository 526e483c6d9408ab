"""The commands: one small module for each group, found through the table in `main`."""
