"""The daemon: the only room that runs a loop. It never imports the client."""
