"""The journal on disk: written, backed up, checked, and recovered."""
