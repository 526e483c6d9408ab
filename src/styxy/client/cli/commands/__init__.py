"""The commands, one small module for each group."""
