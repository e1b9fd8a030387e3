"""How a bridge treats one of its ports, as a value that is both desired and observed."""

from dataclasses import dataclass
from typing import Final

# The link group of every port: the firewall drops what comes from a port of this group and was not
# allowed. A port is in the group from its first moment, so it is closed before it has any rules.
PORT_GROUP: Final = 0x6D79

# The reserved MAC addresses (01:80:c2:00:00:00 to 0f) of which the port's frames are forwarded.
# Otherwise the host receives such a frame without any hook of the bridge. The bit of pause frames
# is refused by the kernel, which drops these frames.
ALL_GROUP_ADDRESSES: Final = 0xFFFD

# How many MAC addresses a bridge learns from the ports that are not guarded. The bridge sends what
# is for others to all of these ports.
FDB_MAX_LEARNED: Final = 4096


@dataclass(frozen=True, slots=True)
class BridgePort:
    """The flags of a port, with the kernel's defaults. The names are those of bridge(8)."""

    # Whether the bridge passes no frames between this port and others that are isolated.
    isolated: bool = False
    # Whether the bridge sends frames back to the port that they came from.
    hairpin: bool = False
    # Whether the bridge learns MAC addresses from the frames that the port sends.
    learning: bool = True
    # Whether the port may only send with the MAC addresses that the bridge's forwarding database
    # has for it. None is observed where the kernel has no such flag (Linux before 5.18).
    locked: bool | None = False
    # Whether the port receives frames to MAC addresses that the bridge does not know.
    flood: bool = True
    # Whether the port receives multicast, which IPv6 needs to find neighbours, and broadcast, which
    # ARP needs.
    mcast_flood: bool = True
    bcast_flood: bool = True
    # Whether the bridge answers ARP for the port, and passes none of it.
    neigh_suppress: bool = False
    # The reserved MAC addresses, a bit each, of which the port's frames are forwarded.
    group_fwd_mask: int = 0


DEFAULT_PORT: Final = BridgePort()


def guarded_port(*, isolated: bool, hairpin: bool) -> BridgePort:
    """Return the port of an endpoint that is held to its own MAC address."""
    return BridgePort(
        isolated=isolated,
        hairpin=hairpin,
        learning=False,
        locked=True,
        flood=False,
        group_fwd_mask=ALL_GROUP_ADDRESSES,
    )
