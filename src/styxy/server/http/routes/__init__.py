"""The operations of the HTTP API: one module per subject, each with its part of the table."""
