"""A recorded request, done again in namespaces of its own: it is told the same, and finds the same."""
