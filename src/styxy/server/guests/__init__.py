"""The two Unix sockets on which guests ask and report."""
