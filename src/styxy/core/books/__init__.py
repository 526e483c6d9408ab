"""What is remembered: the events, and the state obtained by folding them."""
