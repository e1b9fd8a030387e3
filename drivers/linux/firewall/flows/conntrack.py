"""Deletes flows of published ports, and of addresses, from the kernel's connection tracking.

The kernel keeps a flow, and where it leads, as long as packets come. A client that goes on sending
to a port would reach the endpoint that had the port before, and an endpoint that goes on sending
would keep the source that it had. So every flow to or from a published port is deleted when the
port is published and when it is unpublished, and the next packet begins a new one.
"""

import errno
import re
from collections.abc import Collection, Iterable

from mynet.drivers.api import IPAddress, IPNetwork, PortProtocol
from mynet.drivers.linux.links.lookup import list_addresses
from mynet.drivers.linux.netlink.addresses import address_replies
from mynet.drivers.linux.netlink.header import NETLINK_NETFILTER
from mynet.drivers.linux.netlink.netfilter import conntrack
from mynet.drivers.linux.netlink.netfilter.conntrack import Flow, Place
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.values.ports import Forward, UsedPort

_GONE = frozenset({errno.ENOENT})
# A kernel without nf_conntrack_netlink lists no flows. They end by themselves then.
_NOT_LISTED = frozenset({errno.EINVAL, errno.ENOTSUP})


def forget(forwards: Iterable[Forward]) -> int:
    """Delete the UDP flows of published ports, and return how many there were.

    These are the flows to the host's addresses, wherever they lead, and those that leave by the
    host's port, wherever they come from. Flows of the endpoint's port are among them even if the
    host has lost the address in the meantime.
    Like: ``conntrack -D -p udp --orig-port-dst PORT``.
    """
    by_version: dict[int, list[Forward]] = {}
    for forward in forwards:
        if forward.protocol is PortProtocol.UDP:
            by_version.setdefault(forward.target.version, []).append(forward)
    if not by_version:
        return 0
    with Netlink(NETLINK_NETFILTER) as nl:
        found = {version: _flows_of(nl, version, ports) for version, ports in by_version.items()}
        # A host with many networks has thousands of addresses, so they are listed only if needed.
        local = _addresses() if any(found.values()) else frozenset[IPAddress]()
        forgotten = {
            flow.tuple: flow
            for version, flows in found.items()
            for flow in flows
            if any(is_of(flow, forward, local) for forward in by_version[version])
        }
        for flow in forgotten.values():
            _delete(nl, flow)
    return len(forgotten)


def forget_leaving(subnets: Iterable[IPNetwork]) -> None:
    """Delete the UDP flows from subnets that leave with an address of the host.

    A sandbox that goes on sending gets the address by which its network leaves now.
    Like: ``conntrack -D -p udp --orig-src SUBNET --src-nat``.
    """
    by_version: dict[int, list[IPNetwork]] = {}
    for subnet in subnets:
        by_version.setdefault(subnet.version, []).append(subnet)
    with Netlink(NETLINK_NETFILTER) as nl:
        for version, sources in by_version.items():
            request = Request(conntrack.get_udp_flows(version), "list flows of UDP", "flows of UDP")
            for flow in map(conntrack.read_flow, nl.dump(request)):
                if flow.is_source_translated and any(flow.source in subnet for subnet in sources):
                    _delete(nl, flow)


def forget_leaving_by(ports: Collection[UsedPort], subnets: Iterable[IPNetwork]) -> None:
    """Delete the UDP flows from subnets that leave with any of the host's ports.

    A sandbox that goes on sending gets another port.
    Like: ``conntrack -D -p udp --reply-port-dst PORT``.
    """
    numbers: dict[int, set[int]] = {}
    for port in ports:
        if port.protocol is PortProtocol.UDP:
            numbers.setdefault(port.version, set()).add(port.number)
    sources = list(subnets)
    for version, wanted in numbers.items():
        request = Request(
            conntrack.get_udp_flows(version), "list flows of UDP", "flows of UDP", _NOT_LISTED
        )
        with Netlink(NETLINK_NETFILTER) as nl:
            for reply in nl.dump(request):
                if conntrack.read_port(reply, Place.SEEN_SOURCE) not in wanted:
                    continue
                flow = conntrack.read_flow(reply)
                if flow.is_source_translated and any(flow.source in subnet for subnet in sources):
                    _delete(nl, flow)


def forget_addresses(addresses: Collection[IPAddress]) -> None:
    """Delete all flows that any of the addresses has opened or answered.

    The kernel takes 5 to 20 ms to go through its table for each question. So all flows are listed
    once, and only those in which the bytes of an address occur are read.
    Like: ``conntrack -D --orig-src ADDRESS; conntrack -D --reply-src ADDRESS``.
    """
    wanted = frozenset(addresses)
    occurs = re.compile(b"|".join(re.escape(address.packed) for address in wanted), re.DOTALL)
    request = Request(conntrack.GET_FLOWS, "list flows of endpoints", "flows", _NOT_LISTED)
    with Netlink(NETLINK_NETFILTER) as nl:
        for flow in map(conntrack.read_flow, filter(occurs.search, nl.dump(request))):
            if flow.source in wanted or flow.answers_from in wanted:
                _delete(nl, flow)


def _delete(nl: Netlink, flow: Flow) -> None:
    nl.ask(Request(conntrack.delete_flow(flow), "forget a flow", "flow", _GONE))


def is_of(flow: Flow, forward: Forward, local: frozenset[IPAddress]) -> bool:
    """Return whether a flow is to or from the host's ports, or the endpoint's through them."""

    def number_in(port: int, first: int) -> int | None:
        return port - first if 0 <= port - first < forward.count else None

    def is_host(address: IPAddress) -> bool:
        if forward.host is not None:
            return address == forward.host
        return address in local or address.is_loopback  # 127.0.0.0/8 is, though one is listed

    if (number := number_in(flow.to_port, forward.host_port)) is not None:
        target = (forward.target, forward.target_port + number)
        if is_host(flow.to) or (flow.answers_from, flow.answers_from_port) == target:
            return True
    if not flow.is_source_translated:
        return False
    leaves_by_it = number_in(flow.answers_to_port, forward.host_port) is not None
    comes_from_it = number_in(flow.source_port, forward.target_port) is not None
    return (leaves_by_it and is_host(flow.answers_to)) or (
        comes_from_it and flow.source == forward.target
    )


def _flows_of(nl: Netlink, version: int, forwards: Iterable[Forward]) -> list[Flow]:
    """Return the UDP flows of an IP version to or from any of the ports.

    The kernel takes 5 ms to search its table for any question, and filters by one port at most. For
    several ports all flows are therefore listed once.
    """
    ports: dict[Place, set[int]] = {place: set() for place in Place}
    for forward in forwards:
        host = range(forward.host_port, forward.host_port + forward.count)
        ports[Place.DESTINATION].update(host)
        ports[Place.SEEN_SOURCE].update(host)
        ports[Place.SOURCE].update(range(forward.target_port, forward.target_port + forward.count))
    single = all(len(numbers) == 1 for numbers in ports.values())
    messages = (
        [conntrack.get_udp_flows(version, place, *numbers) for place, numbers in ports.items()]
        if single
        else [conntrack.get_udp_flows(version)]
    )
    return [
        conntrack.read_flow(reply)
        for message in messages
        for reply in nl.dump(Request(message, "list flows of UDP", "flows of UDP", _NOT_LISTED))
        if any(conntrack.read_port(reply, place) in numbers for place, numbers in ports.items())
    ]


def _addresses() -> frozenset[IPAddress]:
    """Return the host's own addresses. Like: ``ip addr``."""
    with Netlink() as nl:
        replies = list_addresses(nl)
    return frozenset(address_replies.read_address(reply)[1].ip for reply in replies)
