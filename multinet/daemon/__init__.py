"""The agent of a node: it answers the shim's calls, with the cluster behind it."""
