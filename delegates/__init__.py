"""multinet's own delegates: a room for each CNI type, below ``main`` (make an interface) or ``ipam`` (address it)."""
