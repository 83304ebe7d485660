"""Delegates that make an interface."""
