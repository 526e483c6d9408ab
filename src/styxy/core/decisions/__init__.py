"""Every decision about ports, leases and instances. A decision changes nothing."""
