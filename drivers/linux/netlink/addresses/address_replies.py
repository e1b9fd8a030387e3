"""Reading the replies about addresses, without pyroute2: 10 us a message instead of 200.

A host with a thousand networks has thousands of addresses, which are read whenever a subnet is
chosen. The tests compare what is read here with what pyroute2 reads. Source: linux/if_addr.h.
"""

import struct
import time
from ipaddress import ip_interface, ip_network
from typing import Final

from mynet.drivers.api import IPInterface, IPNetwork
from mynet.drivers.linux.netlink import rtnetlink as rt
from mynet.drivers.linux.netlink.attributes import read_attributes
from mynet.drivers.linux.netlink.header import HEADER_BYTES

_CACHEINFO = struct.Struct("@IIII")  # preferred and valid lifetimes, when created and updated
_HUNDREDTHS: Final = 100  # of a second since the host's start, the unit of these times


def read_address(data: bytes) -> tuple[int, IPInterface]:
    """Read an address; return the index of its link, and the address."""
    _, length, _, _, index = rt.IFADDRMSG.unpack_from(data, HEADER_BYTES)
    payloads = read_attributes(data, HEADER_BYTES + rt.IFADDRMSG.size)
    address = payloads.get(rt.IFA_LOCAL) or payloads[rt.IFA_ADDRESS]
    return index, ip_interface((address, length))


def read_address_age(data: bytes) -> tuple[IPInterface, float]:
    """Read an address, and how many seconds ago it was created."""
    _, address = read_address(data)
    payloads = read_attributes(data, HEADER_BYTES + rt.IFADDRMSG.size)
    created: int = _CACHEINFO.unpack(payloads[rt.IFA_CACHEINFO])[2]
    return address, time.clock_gettime(time.CLOCK_MONOTONIC) - created / _HUNDREDTHS


def subnets_of_address(data: bytes) -> list[IPNetwork]:
    """Return the subnet of an address; on a point-to-point link, the near address too."""
    _, length, _, _, _ = rt.IFADDRMSG.unpack_from(data, HEADER_BYTES)
    payloads = read_attributes(data, HEADER_BYTES + rt.IFADDRMSG.size)
    address, near = payloads.get(rt.IFA_ADDRESS, b""), payloads.get(rt.IFA_LOCAL, b"")
    subnets: list[IPNetwork] = [ip_network((address, length), strict=False)]
    if near not in (b"", address):
        subnets.append(ip_network(near))
    return subnets
