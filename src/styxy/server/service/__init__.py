"""The path of every question: look, decide, try, write down, answer."""
