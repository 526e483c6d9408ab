"""The answers of the API as text for people."""
