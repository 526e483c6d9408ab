"""What `styxy doctor` looks at: one function for each thing, in the table of `checks`."""
