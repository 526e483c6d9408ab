"""Every decision about ports, leases and instances; no decision changes anything."""
