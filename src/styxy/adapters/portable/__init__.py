"""The kernel's questions through psutil, where netlink's sock_diag(7) is absent."""
