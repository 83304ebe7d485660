"""Delegates that change what plugins before them in the list have made."""
