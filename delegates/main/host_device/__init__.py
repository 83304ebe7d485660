"""host-device: a device of the host, moved into the container."""

from delegates.main.host_device.delegate import HostDevice

__all__ = ["HostDevice"]
