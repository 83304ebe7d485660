"""The Network Plumbing Working Group's multi-network specification, pure: values in, values out.

No I/O here, and nothing from the rest but errors and the CNI room. Whatever text a user wrote is read by one
position-aware reader (``positions``), so that every mistake gets a caret under its place.
"""
