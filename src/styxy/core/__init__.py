"""The pure room: every decision, no file, socket, clock, environment, log, thread or await.

Nothing is re-exported here: the command line imports `styxy.core.errors` alone, and a package that
pulled in its neighbours would cost every command their start-up time.
"""
