"""Deletes the UDP flows to published ports from the kernel's connection tracking.

The kernel keeps a flow, and where it leads, as long as packets come. A client that goes on sending
to a port would reach the endpoint that had the port before. So every flow to a port of the host is
deleted when the port is published and when it is unpublished, and the next packet begins a new one.
"""

import errno
from collections.abc import Iterable

from mynet.drivers.api import IPAddress, PortProtocol
from mynet.drivers.linux.links.lookup import list_addresses
from mynet.drivers.linux.netlink import conntrack, route_replies
from mynet.drivers.linux.netlink.conntrack import Flow
from mynet.drivers.linux.netlink.header import NETLINK_NETFILTER
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.values.ports import Forward

_GONE = frozenset({errno.ENOENT})


def forget(forwards: Iterable[Forward]) -> int:
    """Delete the UDP flows to published ports, and return how many there were.

    These are the flows to the host's addresses, wherever they lead, and the flows that lead to the
    endpoint, from any address: the host may have lost the address in the meantime.
    Like: ``conntrack -D -p udp --orig-port-dst PORT``.
    """
    by_version: dict[int, list[Forward]] = {}
    for forward in forwards:
        if forward.protocol is PortProtocol.UDP:
            by_version.setdefault(forward.target.version, []).append(forward)
    if not by_version:
        return 0
    with Netlink(NETLINK_NETFILTER) as nl:
        to_ports = {version: _flows_to(nl, version, ports) for version, ports in by_version.items()}
        # A host with many networks has thousands of addresses, so they are listed only if needed.
        local = _addresses() if any(to_ports.values()) else frozenset[IPAddress]()
        forgotten = {
            flow.tuple: flow
            for version, flows in to_ports.items()
            for flow in flows
            if any(is_of(flow, forward, local) for forward in by_version[version])
        }
        for flow in forgotten.values():
            message = conntrack.delete_flow(flow)
            nl.ask(Request(message, "forget a flow of UDP", "flow", _GONE))
    return len(forgotten)


def is_of(flow: Flow, forward: Forward, local: frozenset[IPAddress]) -> bool:
    """Return whether a flow is to the host's ports, or leads to the endpoint through them."""
    number = flow.to_port - forward.host_port
    if not 0 <= number < forward.count:
        return False
    if (flow.answers_from, flow.answers_from_port) == (
        forward.target,
        forward.target_port + number,
    ):
        return True
    if forward.host is not None:
        return flow.to == forward.host
    return (
        flow.to in local or flow.to.is_loopback
    )  # 127.0.0.0/8 is local, though one address is listed


def _flows_to(nl: Netlink, version: int, forwards: Iterable[Forward]) -> list[Flow]:
    """Return the UDP flows of an IP version to any of the host's ports.

    The kernel takes 5 ms to search its table for any question, and filters by one port at most. For
    several ports all flows are therefore listed once.
    """
    ports = {
        number
        for forward in forwards
        for number in range(forward.host_port, forward.host_port + forward.count)
    }
    port = next(iter(ports)) if len(ports) == 1 else None
    message = conntrack.get_udp_flows(version, port)
    replies = nl.dump(Request(message, "list flows of UDP", "flows of UDP"))
    return [conntrack.read_flow(reply) for reply in replies if conntrack.read_port(reply) in ports]


def _addresses() -> frozenset[IPAddress]:
    """Return the host's own addresses. Like: ``ip addr``."""
    with Netlink() as nl:
        replies = list_addresses(nl)
    return frozenset(route_replies.read_address(reply)[1].ip for reply in replies)
