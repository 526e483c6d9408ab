"""The API's answers as text for people."""
