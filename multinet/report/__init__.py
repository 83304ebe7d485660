"""Outcomes -> words for others, pure: the one result the runtime gets, and the pod's network-status."""
