"""Parsers of what links have: names of devices, and MAC addresses."""

import re
from typing import Final

from mynet.server.errors import quoted

_MOST: Final = 15  # bytes: IFNAMSIZ of linux/if.h, less the final zero
_CHARACTERS: Final = re.compile(r"[a-zA-Z0-9_.@+=~^#-]+")
_ALL_DEVICES: Final = {"all", "default"}  # folders of /proc/sys/net/*/conf
_EXAMPLE_MAC: Final = "such as 02:42:0a:01:00:07"

_COLONS: Final = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
# Six or eight bytes: joined by dashes or colons, in Cisco's groups, or without separators.
_OTHER_NOTATIONS: Final = (
    re.compile(r"[0-9a-f]{1,2}(?:-[0-9a-f]{1,2})+"),
    re.compile(r"[0-9a-f]{1,2}(?::[0-9a-f]{1,2})+"),
    re.compile(r"[0-9a-f]{4}(?:\.[0-9a-f]{4})+"),
    re.compile(r"(?:[0-9a-f]{2})+"),
)
_BYTES, _EUI64_BYTES = 6, 8


def device_name(value: str) -> str:
    """Parse a network device's name or "".

    It refuses what the kernel does (dev_valid_name(), and a % that the kernel would replace), and
    characters with a meaning for nft(8) and for shells, in which people type such a name.
    """
    if value and (reason := _why_no_name(value)):
        raise ValueError(f"{quoted(value)} is not a device name: {reason}")
    return value


def _why_no_name(value: str) -> str:
    strange = _CHARACTERS.sub("", value)[:1]
    reasons = (
        (len(value.encode(errors="replace")) > _MOST, f"shorten it to {_MOST} bytes"),
        (value in (".", ".."), "it is the name of a folder; name it otherwise, such as eth0"),
        (
            value in _ALL_DEVICES,
            f"net.ipv4.conf.{value} is not the setting of one device; name it otherwise",
        ),
        (value.startswith("-"), "programs take it for an option; begin with a letter"),
        (
            strange == "%",
            "the kernel replaces %d by a number; leave the name out to have one chosen",
        ),
        (
            bool(strange),
            f"{quoted(strange)} is not allowed; use ASCII letters, digits and _ . - + = ~ ^ @ #",
        ),
    )
    return next((reason for applies, reason in reasons if applies), "")


def mac_address(value: str) -> str:
    """Parse a unicast MAC address or "". The result is in lower case."""
    parsed = value.lower() if value.isascii() else value
    if not value:
        return ""
    octets = _octets(parsed)
    if len(octets) == _EUI64_BYTES:
        reason = f"it has 8 bytes (EUI-64), and an Ethernet device has 6, {_EXAMPLE_MAC}"
    elif len(octets) != _BYTES:
        reason = f"write six bytes in hexadecimal, {_EXAMPLE_MAC}"
    elif octets[0] & 1:
        reason = f"it is a group's; a device has an even first byte, {_EXAMPLE_MAC}"
    elif not any(octets):
        reason = f"it is no device's; write another, {_EXAMPLE_MAC}"
    elif not _COLONS.fullmatch(parsed):
        raise ValueError(
            f"{quoted(value)} is a MAC address in another notation; write {octets.hex(':')}"
        )
    else:
        return parsed
    raise ValueError(f"{quoted(value)} is not a unicast MAC address: {reason}")


def _octets(text: str) -> bytes:
    """Return the bytes of a MAC address in any notation; b"" for another text."""
    if len(text) > len("00-") * _EUI64_BYTES:
        return b""
    for notation in _OTHER_NOTATIONS:
        if notation.fullmatch(text):
            return bytes.fromhex("".join(part.zfill(2) for part in re.split(r"[-:.]", text)))
    return b""
