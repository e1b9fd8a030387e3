"""Elements of sets and maps, packed into the keys that the kernel compares."""

import sys
from ipaddress import ip_address, ip_network

import pytest

from mynet.drivers.api import PortProtocol
from mynet.drivers.linux.firewall.elements.element import (
    Bits,
    Element,
    LinkIndex,
    Mac,
    Span,
    Value,
    keys,
)
from mynet.drivers.linux.netlink.netfilter.nftables import Key

UDP, SCTP = PortProtocol.UDP, PortProtocol.SCTP
HOST_7 = (7).to_bytes(4, sys.byteorder).hex()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("br-web", ["62722d77656200000000000000000000"]),
        (("a", "b"), ["61" + "00" * 15 + "62" + "00" * 15]),
        (ip_network("10.1.0.0/24"), ["0a010000", "0a010100 ends"]),
        (ip_network("10.1.0.7/32"), ["0a010007", "0a010008 ends"]),
        (ip_network("0.0.0.0/8"), ["00000000", "01000000 ends"]),
        (ip_network("0.0.0.0/0"), ["00000000"]),
        (ip_network("255.255.255.0/24"), ["ffffff00"]),
        (ip_network("fd00::/16"), ["fd" + "00" * 15, "fd01" + "00" * 14 + " ends"]),
        (ip_network("ffff::/16"), ["ffff" + "00" * 14]),
        ((ip_network("10.1.0.0/24"),) * 2, ["0a0100000a010000-0a0100ff0a0100ff"]),
        (range(9000, 9101), ["2328", "238d ends"]),
        (range(60000, 65536), ["ea60"]),
        ((UDP, 53), ["11000000" + "00350000"]),
        ((ip_address("127.0.0.1"), SCTP, 80), ["7f00000184000000" + "00500000"]),
        (
            (ip_address("127.0.0.1"), PortProtocol.TCP, range(80, 82)),
            ["7f0000010600000000500000-7f0000010600000000510000"],
        ),
        (LinkIndex(7), [HOST_7]),
        ((LinkIndex(7), Mac("02:00:00:00:00:02")), [HOST_7 + "0200000000020000"]),
        ((LinkIndex(7), Bits(bytes(15) + b"\x02")), [HOST_7 + "00" * 15 + "02"]),
        (
            (LinkIndex(7), Span(ip_address("10.9.0.1"), ip_address("10.9.0.9"))),
            ["000000070a090001-000000070a090009"],
        ),
    ],
    ids=str,
)
def test_an_element_is_packed_into_keys(value: Value, expected: list[str]) -> None:
    assert [_hex(key) for key in keys(Element("s", value))] == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (ip_address("10.1.0.2"), "0a010002"),
        ((ip_address("10.1.0.2"), 80), "0a010002" + "00500000"),
        ((ip_address("fd00::2"), 80), "fd" + "00" * 14 + "02" + "00500000"),
    ],
    ids=str,
)
def test_the_data_of_a_map_is_packed_into_its_keys(data: Value, expected: str) -> None:
    start, end = keys(Element("s", range(80, 90), data))
    assert (start.data.hex(), end.data) == (expected, b"")


def _hex(key: Key) -> str:
    end = f"-{key.end.hex()}" if key.end else ""
    return key.value.hex() + end + (" ends" if key.ends_interval else "")
