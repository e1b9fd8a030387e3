"""Flows of UDP that the kernel remembers, and that a published port has to make it forget.

Conntrack holds on to a flow, and to where it leads, for as long as packets come: a client that goes
on sending to a port would reach whoever had it before, for ever. Every flow to the *host's* port is
forgotten when a port is published and when that ends; the next packet then begins a new one.
"""

import errno
from collections.abc import Iterable, Sequence

from mynet.drivers.api import IPAddress, PortProtocol
from mynet.drivers.linux.netlink import conntrack, route_replies
from mynet.drivers.linux.netlink.conntrack import Flow
from mynet.drivers.linux.netlink.header import NETLINK_NETFILTER
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.netlink.pyroute2_requests import get_addresses
from mynet.drivers.linux.values.ports import Forward

_GONE = frozenset({errno.ENOENT})


def forget(forwards: Sequence[Forward]) -> int:
    """Forget the flows of UDP to ports of the host; say how many that were.

    Those at the host's addresses, wherever they lead, and those that lead to the endpoint, at
    whichever address: the host may have lost that in the meantime.
    Like: ``conntrack -D -p udp --orig-port-dst PORT``.
    """
    ours: dict[int, list[Forward]] = {}
    for forward in forwards:
        if forward.protocol is PortProtocol.UDP:
            ours.setdefault(forward.target.version, []).append(forward)
    if not ours:
        return 0
    with Netlink(NETLINK_NETFILTER) as nl:
        to_ports = {version: _flows_to(nl, version, _ports(ours[version])) for version in ours}
        # A host with many networks has thousands of addresses: they are listed if anyone asks.
        local = _addresses() if any(to_ports.values()) else frozenset[IPAddress]()
        forgotten = {
            flow.tuple: flow
            for version, flows in to_ports.items()
            for flow in flows
            if any(is_of(flow, forward, local) for forward in ours[version])
        }
        for flow in forgotten.values():
            message = conntrack.delete_flow(flow)
            nl.ask(Request(message, "forget a flow of UDP", "flow", _GONE))
    return len(forgotten)


def _ports(forwards: Iterable[Forward]) -> frozenset[int]:
    """Return the host's ports that lead somewhere."""
    return frozenset(
        number
        for forward in forwards
        for number in range(forward.host_port, forward.host_port + forward.count)
    )


def is_of(flow: Flow, forward: Forward, local: frozenset[IPAddress]) -> bool:
    """Say whether a flow is one to the ports: to the host's, or by way of them to the endpoint."""
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
    return flow.to in local or flow.to.is_loopback  # all of 127.0.0.0/8, of which one is listed


def _flows_to(nl: Netlink, version: int, ports: frozenset[int]) -> list[Flow]:
    """List flows of UDP of the IP version to any of the ports.

    The kernel takes 5 ms to go through its table for any question, and filters by one port at most.
    Where there are several ports, all flows are listed once.
    """
    port = next(iter(ports)) if len(ports) == 1 else None
    message = conntrack.get_udp_flows(version, port)
    replies = nl.dump(Request(message, "list flows of UDP", "flows of UDP"))
    return [conntrack.read_flow(reply) for reply in replies if conntrack.read_port(reply) in ports]


def _addresses() -> frozenset[IPAddress]:
    """List the host's own addresses. Like: ``ip addr``."""
    with Netlink() as nl:
        replies = nl.dump(Request(get_addresses(), "list addresses", "addresses"))
    return frozenset(route_replies.read_address(reply)[1].ip for reply in replies)
