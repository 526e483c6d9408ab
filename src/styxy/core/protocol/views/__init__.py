"""What is on this machine's ports, in the API's form: port by port, and all of it at once."""
