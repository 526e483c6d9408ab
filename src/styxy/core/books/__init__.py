"""What is remembered: the events, and the state that they fold into."""
