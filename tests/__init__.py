"""A regular package, so that `tests.support` is ours whatever else the environment has under that name."""
