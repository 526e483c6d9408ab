"""The outside world: thin adapters, one outside thing each, no decisions.

Nothing is re-exported here, so that a command pays only for the adapter that it uses.
"""
