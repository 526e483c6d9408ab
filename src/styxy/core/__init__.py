"""The pure room: every decision, and no files, sockets, clock, environment, logs, threads or
awaits.

Nothing is re-exported here: the command line imports `styxy.core.errors` alone, and a package that
pulled in its neighbours would cost every command their start-up time.
"""
