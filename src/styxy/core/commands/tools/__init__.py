"""The table of tools: what each serves, on which port, and what it does if the port is taken."""
