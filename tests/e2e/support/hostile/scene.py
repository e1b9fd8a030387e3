"""What a hostile tenant knows: itself, its neighbours, the host, and what is beyond."""

from dataclasses import dataclass
from ipaddress import IPv6Address


def link_local(mac: str) -> str:
    """Return the IPv6 link-local address of a MAC address (modified EUI-64, RFC 4291)."""
    octets = bytes.fromhex(mac.replace(":", ""))
    identifier = bytes([octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:]
    return str(IPv6Address(b"\xfe\x80" + bytes(6) + identifier))


@dataclass(frozen=True)
class Party:
    """A station, by the addresses that it has. One beyond a router has no MAC address here."""

    ip4: str
    ip6: str
    mac: str = ""

    @property
    def local(self) -> str:
        return link_local(self.mac)


@dataclass(frozen=True)
class Scene:
    """The stations around a tenant."""

    me: Party
    # Another tenant of the same network.
    neighbour: Party
    # The host's own addresses on the bridge.
    gateway: Party
    # A tenant of another network.
    stranger: Party
    # A machine beyond the host's uplink, and the host's address there.
    outside: Party
    uplink: Party


@dataclass(frozen=True)
class Attack:
    """A frame that no tenant may send, and the bytes by which receivers recognise it."""

    name: str
    frame: bytes
    needle: bytes
