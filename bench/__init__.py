"""Every number that a document quotes, measured by one command: `python -m bench`.

Each module measures one thing and returns rows; `table` alone knows how they look, and `page` puts
them into the documents. Everything runs on a fresh home with its own ports, against the real
daemon, command line and programs.
"""
