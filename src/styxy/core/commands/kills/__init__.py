"""The processes that a command ends, and how the line names them."""
