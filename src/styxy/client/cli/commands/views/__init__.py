"""Commands that show what happens and has happened: audit, moves, programs, the terminal view."""
