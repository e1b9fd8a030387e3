"""Limits of the elements of a set: above a number of connections, or a rate, the element matches.

Source: linux/netfilter/nf_tables.h.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mynet.drivers.linux.netlink import attributes as nla

SECOND, MINUTE = 1, 60
_UNITS: Final = {SECOND: "second", MINUTE: "minute"}

_NFTA_EXPR_NAME, _NFTA_EXPR_DATA = 1, 2
_NFTA_CONNLIMIT_COUNT, _NFTA_CONNLIMIT_FLAGS, _NFT_CONNLIMIT_F_INV = 1, 2, 1
_NFTA_LIMIT_RATE, _NFTA_LIMIT_UNIT, _NFTA_LIMIT_BURST, _NFTA_LIMIT_FLAGS = 1, 2, 3, 5
_NFT_LIMIT_F_INV: Final = 1


@dataclass(frozen=True, slots=True)
class ConnectionLimit:
    """A number of connections that the kernel tracks."""

    most: int

    @property
    def packed(self) -> bytes:
        """The expression as the kernel has it."""
        count = nla.attribute(_NFTA_CONNLIMIT_COUNT, self.most.to_bytes(4))
        flags = nla.attribute(_NFTA_CONNLIMIT_FLAGS, _NFT_CONNLIMIT_F_INV.to_bytes(4))
        return _expression("connlimit", count + flags)

    def __str__(self) -> str:
        """Return the limit as text for nft(8)."""
        return f"ct count over {self.most}"


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A number of packets in a second or a minute."""

    packets: int
    # The unit of time, in seconds.
    unit: int
    # How many packets may come at once after a pause.
    burst: int

    @property
    def packed(self) -> bytes:
        """The expression as the kernel has it."""
        return _expression(
            "limit",
            nla.attribute(_NFTA_LIMIT_RATE, self.packets.to_bytes(8))
            + nla.attribute(_NFTA_LIMIT_UNIT, self.unit.to_bytes(8))
            + nla.attribute(_NFTA_LIMIT_BURST, self.burst.to_bytes(4))
            + nla.attribute(_NFTA_LIMIT_FLAGS, _NFT_LIMIT_F_INV.to_bytes(4)),
        )

    def __str__(self) -> str:
        """Return the limit as text for nft(8)."""
        return f"limit rate over {self.packets}/{_UNITS[self.unit]} burst {self.burst} packets"


Limit = ConnectionLimit | RateLimit


def read_limit(expression: bytes) -> Limit | None:
    """Read the expression of an element, or return None for an element without one."""
    read = nla.read_attributes(expression)
    data = nla.read_attributes(read.get(_NFTA_EXPR_DATA, b""))
    match nla.read_text(read.get(_NFTA_EXPR_NAME, b"")):
        case "connlimit":
            return ConnectionLimit(_number(data, _NFTA_CONNLIMIT_COUNT))
        case "limit":
            fields = (_NFTA_LIMIT_RATE, _NFTA_LIMIT_UNIT, _NFTA_LIMIT_BURST)
            return RateLimit(*(_number(data, field) for field in fields))
    return None


def _expression(name: str, data: bytes) -> bytes:
    return nla.text_attribute(_NFTA_EXPR_NAME, name) + nla.nested(_NFTA_EXPR_DATA, data)


def _number(attributes: Mapping[int, bytes], kind: int) -> int:
    return int.from_bytes(attributes[kind])
