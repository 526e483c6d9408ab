"""The nouns of the product as values: ports, leases, instances, service types, projects."""
