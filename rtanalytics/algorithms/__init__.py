"""The algorithms beyond the first five; importing this enters them into the registry."""
