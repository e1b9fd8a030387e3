"""Attributes of netlink messages.

Source: https://docs.kernel.org/userspace-api/netlink/intro.html
"""

import os
import struct
from typing import Final

_HEADER = struct.Struct("@HH")  # length, type
_U32 = struct.Struct("@I")
_S32 = struct.Struct("@i")
_NESTED: Final = 0x8000
_TYPE_MASK: Final = 0x3FFF  # the two bits above are flags


def attribute(kind: int, payload: bytes) -> bytes:
    """Pack an attribute, padded to the multiple of 4 bytes where the next may begin."""
    length = _HEADER.size + len(payload)
    return _HEADER.pack(length, kind) + payload + bytes(-length % 4)


def nested(kind: int, *attributes: bytes) -> bytes:
    """Pack an attribute that consists of others."""
    return attribute(kind | _NESTED, b"".join(attributes))


def number_attribute(kind: int, number: int) -> bytes:
    """Pack an attribute with a 32 bit number in the host's byte order."""
    return attribute(kind, _U32.pack(number))


def text_attribute(kind: int, text: str) -> bytes:
    """Pack an attribute with a text, which ends with a zero byte."""
    return attribute(kind, os.fsencode(text) + b"\0")


def read_attributes(data: bytes, offset: int = 0) -> dict[int, bytes]:
    """Return the payloads of all attributes from an offset on, by type; the last of a type wins."""
    payloads: dict[int, bytes] = {}
    # A start reads hundreds of thousands, so what does not change is looked up once.
    unpack, header, last = _HEADER.unpack_from, _HEADER.size, len(data) - _HEADER.size
    while offset <= last:
        length, kind = unpack(data, offset)
        payloads[kind & _TYPE_MASK] = data[offset + header : offset + length]
        offset += (length + 3) & ~3 or header
    return payloads


def find(data: bytes, *path: int) -> bytes:
    """Return the payload of the attribute that a path of nested types leads to, b"" without it."""
    for kind in path:
        data = read_attributes(data).get(kind, b"")
    return data


def read_number(payload: bytes | None) -> int:
    """Read a 32 bit number in the host's byte order, 0 if the attribute is missing."""
    number: int = _U32.unpack(payload)[0] if payload else 0
    return number


def read_texts(payload: bytes | None, kind: int) -> tuple[str, ...]:
    """Read the texts of all nested attributes of a type, () if the attribute is missing."""
    texts, offset = [], 0
    while payload and offset + _HEADER.size <= len(payload):
        length, found = _HEADER.unpack_from(payload, offset)
        if found & _TYPE_MASK == kind:
            texts.append(read_text(payload[offset + _HEADER.size : offset + length]))
        offset += (length + 3) & ~3 or _HEADER.size
    return tuple(texts)


def read_signed(payload: bytes | None) -> int | None:
    """Read a signed 32 bit number in the host's byte order, None if the attribute is missing."""
    return _S32.unpack(payload)[0] if payload else None


def read_text(payload: bytes | None) -> str:
    """Read a text, "" if the attribute is missing. Bytes that are no text are kept."""
    return payload.rstrip(b"\0").decode(errors="surrogateescape") if payload else ""
