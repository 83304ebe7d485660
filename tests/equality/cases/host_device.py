"""Rows of host-device. An ifb is the device, and a tmpfs stands for the buses of sysfs.

(The end of a veth pair on the host would remember through which namespaces the other came.)
"""

from __future__ import annotations

from typing import Any

from tests.equality.case import LIFE, RUN, Case, add, check, delete, life
from tests.equality.cases.parts import DUAL, FAMILIES, RESOLV_CONF, SUBNET4, V4, conf, host_local

MAC, OTHER = "02:00:00:00:00:01", "02:00:00:00:00:02"
DEVICE = "; ".join(
    f"ip link add {name} address {mac} type ifb; ip link set {name} up"
    for name, mac in (("up0", MAC), ("up1", OTHER))
)
PCI, VIRTIO, UNBOUND, AUXILIARY = "0000:03:02.1", "0000:03:02.2", "0000:03:02.3", "mlx5_core.sf.4"


def buses(driver: str = "ixgbevf") -> str:
    """``up0`` as a PCI device of that driver, as a virtio device and as an auxiliary one."""
    return (
        f"{DEVICE}; mount -t tmpfs none /sys/bus; cd /sys/bus; mkdir -p pci/drivers/{driver} pci/drivers/virtio"
        f" pci/devices/{PCI}/net/up0 pci/devices/{VIRTIO}/virtio0/net/up0 pci/devices/{UNBOUND}"
        f" auxiliary/devices/{AUXILIARY}/net/up0;"
        f"ln -s ../../drivers/{driver} pci/devices/{PCI}/driver;"
        f"ln -s ../../drivers/virtio pci/devices/{VIRTIO}/driver"
    )


def host_device(**keys: Any) -> dict[str, Any]:
    return conf("host-device", **keys)


UP0 = host_device(device="up0")
REFUSED = (add(), delete())

CASES: tuple[Case, ...] = (
    Case(name="host-device-l2", conf=UP0, host=DEVICE),
    *(
        Case(name=f"host-device-{name}", conf={**UP0, "ipam": ipam}, host=DEVICE)
        for name, ipam in FAMILIES.items()
    ),
    Case(name="host-device-hwaddr", conf=host_device(hwaddr=MAC, ipam=V4), host=DEVICE),
    Case(name="host-device-hwaddr-in-dashes", conf=host_device(hwaddr=MAC.replace(":", "-")), host=DEVICE),
    Case(name="host-device-device-before-hwaddr", conf={**UP0, "hwaddr": OTHER}, host=DEVICE),
    Case(name="host-device-pci", conf=host_device(pciBusID=PCI, ipam=DUAL), host=buses()),
    Case(name="host-device-virtio", conf=host_device(pciBusID=VIRTIO), host=buses()),
    Case(name="host-device-id-pci", conf=host_device(runtimeConfig={"deviceID": PCI}), host=buses()),
    Case(
        name="host-device-id-auxiliary",
        conf=host_device(runtimeConfig={"deviceID": AUXILIARY}, pciBusID="0000:ff:00.0", ipam=V4),
        host=buses(),
    ),
    *(
        Case(name=f"host-device-{driver}", conf=host_device(pciBusID=PCI, ipam=V4), host=buses(driver))
        for driver in ("vfio-pci", "uio_pci_generic", "igb_uio")
    ),
    Case(name="host-device-dpdk-l2", conf=host_device(pciBusID=PCI), host=buses("vfio-pci")),
    Case(name="host-device-dpdk-mode", conf={**UP0, "DPDKMode": True, "ipam": V4}, host=DEVICE),
    Case(
        name="host-device-dpdk-mode-overruled",
        conf=host_device(pciBusID=PCI, DPDKMode=True, ipam=V4),
        host=buses(),
    ),
    Case(name="host-device-other-ifname", conf={**UP0, "ipam": V4}, host=DEVICE, steps=life(ifname="net1")),
    Case(name="host-device-same-name", conf={**UP0, "ipam": V4}, host=DEVICE, steps=life(ifname="up0")),
    Case(
        name="host-device-names-taken-elsewhere",
        conf={**UP0, "ipam": V4},
        host=f"{DEVICE}; ip link add eth0 type bridge",
        pod="ip link add up0 type bridge",
    ),
    Case(name="host-device-that-is-down", conf=UP0, host=f"{DEVICE}; ip link set up0 down"),
    Case(
        name="host-device-with-address-and-mtu",
        conf={**UP0, "ipam": V4},
        host=f"{DEVICE}; ip addr add 10.77.0.1/24 dev up0; ip link set up0 mtu 1400",
    ),
    Case(
        name="host-device-routes",
        conf={**UP0, "ipam": host_local(SUBNET4, routes=[{"dst": "0.0.0.0/0"}, {"dst": "10.9.0.0/16"}])},
        host=DEVICE,
    ),
    Case(
        name="host-device-dns-of-conf",
        conf={**UP0, "dns": {"nameservers": ["10.0.0.1"]}, "ipam": V4},
        host=DEVICE,
    ),
    Case(
        name="host-device-dns-of-ipam",
        conf={**UP0, "ipam": host_local(SUBNET4, resolvConf=f"{RUN}/resolv.conf")},
        host=DEVICE,
        files={"resolv.conf": RESOLV_CONF},
    ),
    Case(
        name="host-device-from-one-to-another",
        conf={**UP0, "ipam": V4},
        host=DEVICE,
        containers=("c1", "c2"),
        steps=(*LIFE, *life(container="c2")),
    ),
    Case(
        name="host-device-deleted-twice",
        conf={**UP0, "ipam": V4},
        host=DEVICE,
        steps=(*LIFE, delete()),
        fails=(4,),
    ),
    Case(
        name="host-device-delete-without-netns",
        conf={**UP0, "ipam": V4},
        host=DEVICE,
        steps=(add(), delete(netns="")),
    ),
    Case(
        name="host-device-delete-netns-gone",
        conf={**UP0, "ipam": V4},
        host=DEVICE,
        steps=(add(), delete(netns="/run/netns/gone")),
        fails=(2,),
    ),
    Case(name="host-device-status", conf={**UP0, "ipam": V4}, host=DEVICE, steps=(add(), delete())),
    # Refused by both.
    *(
        Case(name=f"host-device-refuses-{name}", conf=given, host=buses(), steps=REFUSED, fails=(1, 2))
        for name, given in {
            "nothing": host_device(),
            "unknown-device": host_device(device="up7"),
            "unknown-hwaddr": host_device(hwaddr="02:00:00:00:00:77"),
            "bad-hwaddr": host_device(hwaddr="02:00"),
            "kernelpath": host_device(kernelpath="/sys/class/net/up0"),
            "kernelpath-without-links": host_device(kernelpath="/sys/devices/none"),
            "pci-without-driver": host_device(pciBusID=UNBOUND),
            "unknown-id": host_device(runtimeConfig={"deviceID": "0000:ff:00.0"}),
        }.items()
    ),
    Case(
        name="host-device-refuses-taken-name",
        conf=UP0,
        host=DEVICE,
        pod="ip link add eth0 type bridge",
        steps=(add(),),
        fails=(1,),
    ),
    Case(
        name="host-device-refuses-ipam-without-addresses",
        conf={**UP0, "ipam": {"type": "static"}},
        host=f"ip link add up0 address {MAC} type ifb",
        steps=(add(), delete()),
        fails=(1,),
    ),
    Case(
        name="host-device-refuses-check-of-other-mac",
        conf=UP0,
        host=DEVICE,
        steps=(add(), check(conf={**UP0, "prevResult": {}}, prev=False), delete()),
        fails=(2,),
    ),
)
