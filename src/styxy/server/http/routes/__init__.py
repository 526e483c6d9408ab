"""The operations of the HTTP API: a module for each subject, each with its part of the table."""
