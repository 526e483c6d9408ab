"""Styxy coordinates the ports of one developer machine.

Nothing is imported here but the version: the command line starts from this package, and its
start-up time is a feature.
"""

__version__ = "0.1.0"
