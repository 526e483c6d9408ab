"""What an agent should be told about a command line or about its output; knows no protocol."""
