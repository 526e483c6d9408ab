"""The page in the browser: its files, how a browser signs in, and what only the page asks for."""
