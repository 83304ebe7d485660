"""A node and its pods on this machine, without a cluster: what ``multinet sandbox`` does.

A *node* is a network namespace of its own with an uplink, so that nothing of the machine is touched; a *pod*
is a namespace that ``python -m multinet`` was called for as a container runtime calls it. All that is known
of a node is in one folder (``home``), and ``down`` leaves nothing.
"""
