"""Parsing and walking shell lines, as POSIX sh and bash read them; nothing runs."""
