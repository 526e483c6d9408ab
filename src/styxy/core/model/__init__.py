"""The product's nouns as values: ports, leases, instances, service types, projects."""
