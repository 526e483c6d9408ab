"""What is known about programs from their command lines."""
