"""The path of every request: look, decide, try, commit, answer."""
