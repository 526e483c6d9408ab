"""Projects as the disk shows them, and looks at paths that may never be answered."""
