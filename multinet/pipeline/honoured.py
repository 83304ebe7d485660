"""Did the plugins do what the annotation asked for? An address or a MAC that silently did not take effect
is an error.

Definitions in the field get both through CNI_ARGS without declaring a capability, so whether a list can do
it is not always known beforehand; its result tells.
"""

from __future__ import annotations

from ipaddress import ip_interface

from multinet.cni.types import Result
from multinet.errors import InvalidConfig
from multinet.plan import Attachment


def verify(attachment: Attachment, result: Result) -> None:
    """Raise InvalidConfig when an address or the MAC that was asked for is not in the result."""
    if attachment.ips:
        given = {address.address.ip for address in result.ips}
        for asked in attachment.ips:
            if ip_interface(asked).ip not in given:
                raise _ignored(attachment, "address", asked, "ips")
    if attachment.mac:
        macs = {interface.mac.lower() for interface in result.interfaces if interface.sandbox}
        if attachment.mac.lower().replace("-", ":") not in macs:
            raise _ignored(attachment, "MAC", attachment.mac, "mac")


def _ignored(attachment: Attachment, what: str, asked: str, capability: str) -> InvalidConfig:
    return InvalidConfig(
        f"{attachment.network}: the {what} {asked} was asked for, but the network's plugins did not use it",
        hint=f'add "capabilities": {{"{capability}": true}} to a plugin of the network that can',
    )
