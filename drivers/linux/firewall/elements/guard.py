"""The elements that say what an endpoint may send, and get: see ``guard.nft``."""

from collections.abc import Iterator
from typing import Final

from mynet.drivers.api import IPV4, IPV6, IPAddress
from mynet.drivers.linux.firewall.elements.element import (
    Bits,
    Element,
    LinkIndex,
    Mac,
    Priority,
    Span,
    Value,
)
from mynet.drivers.linux.netlink.netfilter.set_limits import (
    MINUTE,
    SECOND,
    ConnectionLimit,
    RateLimit,
)
from mynet.drivers.linux.values.endpoint_rules import Guard

# The sets of the table that judges frames. The keys of each begin with the index of a port.
GUARD_SETS: Final = frozenset(
    {
        "own_mac",
        *(f"{kind}_ip{version}" for kind in ("own", "allowed") for version in (IPV4, IPV6)),
        *(f"network_ip{version}" for version in (IPV4, IPV6)),
        *("nd_own_mac", "nd_own_ip", "nd_allowed_ip", "sandbox_ip4", "sandbox_ip6", "unguarded"),
        "ports",
    }
)


# The sets of endpoints whose keys begin with the index of a bridge.
BRIDGE_SETS: Final = frozenset(
    {"conntrack_limits", "too_fast", "fast", "members4", "members6", "open_bridges"}
)

# The set that several endpoints of a bridge have the same element in.
OPEN_BRIDGES: Final = "open_bridges"


def guard_elements(guard: Guard) -> Iterator[Element]:
    """Yield the elements of an endpoint that is attached."""
    yield from _members(guard)
    if guard.conntrack_limit:
        yield from _budget(guard)
    if guard.spoof_check:
        yield from _own(guard)
    else:
        yield from _unguarded(guard)
    yield from _allowed(guard)


def sandbox_elements(guard: Guard, other: Guard) -> Iterator[Element]:
    """Yield the elements of an endpoint for the addresses of another in the same sandbox."""
    port, mac = LinkIndex(guard.attachment.port), Mac(guard.mac)
    for address in other.addresses:
        if not address.is_link_local:
            yield _in_guard(f"sandbox_ip{address.version}", (port, mac, address))


def _members(guard: Guard) -> Iterator[Element]:
    """Yield the elements by which the host finds the endpoint at its addresses."""
    bridge = LinkIndex(guard.attachment.bridge)
    for address in guard.addresses:
        if not address.is_link_local:
            yield Element(f"members{address.version}", (bridge, address))
    if guard.allowed or not guard.spoof_check:
        yield Element(OPEN_BRIDGES, bridge)


def _budget(guard: Guard) -> Iterator[Element]:
    """Yield the elements that limit the connections of an endpoint, whatever MAC address it sends.

    The kernel remembers a TCP connection that has ended for two minutes, unless the host is set up
    otherwise. At the rate of ``fast`` these become as many as may be open, and as many again after
    a pause. The kernel forgets those that are opened faster in seconds, and ``too_fast`` keeps them
    few.
    """
    port, most = Priority(guard.attachment.port), guard.conntrack_limit
    place = (LinkIndex(guard.attachment.bridge), port)
    yield _in_guard("ports", LinkIndex(guard.attachment.port), port)
    yield Element("conntrack_limits", place, limit=ConnectionLimit(most))
    yield Element("too_fast", place, limit=RateLimit(max(most // 4, 1), SECOND, most))
    yield Element("fast", place, limit=RateLimit(max(most // 2, 1), MINUTE, most))


def _own(guard: Guard) -> Iterator[Element]:
    """Yield the elements of the endpoint's own MAC address and addresses."""
    port, mac = LinkIndex(guard.attachment.port), Mac(guard.mac)
    yield _in_guard("own_mac", (port, mac))
    for address in guard.addresses:
        yield _in_guard(f"own_ip{address.version}", (port, mac, address))
        if address.version == IPV6:
            yield _in_guard("nd_own_ip", (port, Bits(address.packed)))
    if any(address.version == IPV6 for address in (*guard.addresses, *_firsts(guard))):
        yield _in_guard("nd_own_mac", (port, Bits(bytes.fromhex(guard.mac.replace(":", "")))))


def _unguarded(guard: Guard) -> Iterator[Element]:
    """Yield the elements of an endpoint that may send from any address of its network."""
    port = LinkIndex(guard.attachment.port)
    yield _in_guard("unguarded", port)
    for subnet in guard.subnets:
        yield _in_guard(f"network_ip{subnet.version}", (port, subnet))


def _allowed(guard: Guard) -> Iterator[Element]:
    """Yield the elements of further addresses."""
    port, mac = LinkIndex(guard.attachment.port), Mac(guard.mac)
    for addresses in guard.allowed:
        first, last = addresses.first, addresses.last
        yield _in_guard(f"allowed_ip{first.version}", (port, mac, Span(first, last)))
        if first.version == IPV6:
            span = Span(Bits(first.packed), Bits(last.packed))
            yield _in_guard("nd_allowed_ip", (port, span))


def _firsts(guard: Guard) -> Iterator[IPAddress]:
    return (addresses.first for addresses in guard.allowed)


def _in_guard(name: str, value: Value, data: Value | None = None) -> Element:
    return Element(name, value, data, family="bridge")
