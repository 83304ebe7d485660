"""host-local: addresses from ranges, reserved in files of this machine that the reference's plugin shares."""

from delegates.ipam.host_local.delegate import HostLocal

__all__ = ["HostLocal"]
