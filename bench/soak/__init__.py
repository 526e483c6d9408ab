"""The soak: everything at once for a quarter of an hour, and what was lost meanwhile.

One real daemon, its clients, programs in worktrees, and somebody who kills the daemon again and
again. `tally` counts, `installation` is what is soaked, each other module is one kind of work.
"""
