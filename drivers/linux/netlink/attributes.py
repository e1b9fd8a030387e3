"""Attributes of netlink messages, for what is not read or written by pyroute2.

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


def nested(kind: int, inner: bytes) -> bytes:
    """Write an attribute that is made of others."""
    return attribute(kind | _NESTED, inner)


def find(data: memoryview, wanted: int) -> memoryview:
    """Return what the first attribute of a kind has in it; nothing where there is none."""
    offset = 0
    while offset + _HEADER.size <= len(data):
        length, kind = _HEADER.unpack_from(data, offset)
        if kind & _KIND == wanted:
            return data[offset + _HEADER.size : offset + length]
        offset += max((length + 3) & ~3, _HEADER.size)
    return _NOTHING


def attributes(data: bytes, offset: int) -> dict[int, bytes]:
    """Cut all attributes from an offset on apart, by their kinds; the last of a kind stands."""
    found: dict[int, bytes] = {}
    # A start reads hundreds of thousands: what does not change is looked up before.
    unpack, header, last = _HEADER.unpack_from, _HEADER.size, len(data) - _HEADER.size
    while offset <= last:
        length, kind = unpack(data, offset)
        found[kind & _KIND] = data[offset + header : offset + length]
        offset += (length + 3) & ~3 or header
    return found
