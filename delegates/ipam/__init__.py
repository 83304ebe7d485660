"""Delegates that give addresses."""
