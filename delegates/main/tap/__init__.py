"""tap: a link whose other end is a program, such as a virtual machine."""

from delegates.main.tap.delegate import TapDelegate

__all__ = ["TapDelegate"]
