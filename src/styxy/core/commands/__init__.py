"""What is known of programs by their command lines."""
