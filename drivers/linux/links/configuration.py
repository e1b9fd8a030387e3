"""Requests that bring a link, of any kind, to what it should be."""

import errno
from collections.abc import Iterator, Sequence
from typing import Final

from mynet.drivers.api import IPInterface
from mynet.drivers.linux.links.mac import with_link_local
from mynet.drivers.linux.netlink.addresses import address_requests
from mynet.drivers.linux.netlink.links import link_requests
from mynet.drivers.linux.netlink.netlink_socket import Request
from mynet.drivers.linux.values.observed import Link

# A kernel without IPv6 generates no addresses, and refuses the setting.
_NO_IPV6: Final = frozenset({errno.EAFNOSUPPORT})


def set_up(name: str, index: int) -> tuple[Request, ...]:
    """Set a link up without an address from the kernel, and let it resolve addresses.

    Like: ``ip link set dev NAME up arp on multicast on``.
    """
    resource = f"interface {name}"
    return (
        Request(
            link_requests.generate_no_address(index),
            f"keep {name} from generating addresses",
            resource,
            _NO_IPV6,
        ),
        Request(link_requests.open_link(index), f"set {name} up", resource),
    )


def set_mac_and_mtu(link: Link, mac: str, mtu: int) -> Iterator[Request]:
    """Yield the request that changes a link's MAC address and MTU, if it has others.

    The kernel forgets neighbours and entries of bridges with each MAC address that is set, even the
    same, and packets get lost meanwhile. Like: ``ip link set dev NAME address MAC mtu N``.
    """
    if (link.mac, link.mtu) != (mac, mtu):
        yield Request(
            link_requests.set_mac_and_mtu(link.index, mac, mtu),
            f"set {link.name} to MAC address {mac} and MTU {mtu}",
            f"interface {link.name}",
        )


def add_addresses(
    name: str, index: int, addresses: Sequence[IPInterface], mac: str
) -> Iterator[Request]:
    """Yield requests that add addresses, and the link-local one where it is needed.

    Like: ``ip addr replace ADDRESS dev NAME nodad``.
    """
    for address in with_link_local(addresses, mac):
        message = address_requests.add_address(index, address)
        yield Request(message, f"add address {address} to {name}", f"interface {name}")
