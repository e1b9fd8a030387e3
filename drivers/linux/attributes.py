"""Attributes of netlink messages, for the subsystems that are not read and written by pyroute2.

Source: https://docs.kernel.org/userspace-api/netlink/intro.html
"""

import struct

_HEADER = struct.Struct("@HH")  # length, type
_NESTED = 0x8000
_KIND = 0x3FFF  # of the type; the two bits above are flags
_NOTHING = memoryview(b"")


def attribute(kind: int, payload: bytes) -> bytes:
    """Write an attribute, padded to where the next may begin."""
    length = _HEADER.size + len(payload)
    return _HEADER.pack(length, kind) + payload + bytes(-length % 4)


def nested(kind: int, attributes: bytes) -> bytes:
    """Write an attribute that is made of others."""
    return attribute(kind | _NESTED, attributes)


def find(attributes: memoryview, wanted: int) -> memoryview:
    """Return what the first attribute of a kind has in it; nothing where there is none."""
    offset = 0
    while offset + _HEADER.size <= len(attributes):
        length, kind = _HEADER.unpack_from(attributes, offset)
        if kind & _KIND == wanted:
            return attributes[offset + _HEADER.size : offset + length]
        offset += max((length + 3) & ~3, _HEADER.size)
    return _NOTHING
