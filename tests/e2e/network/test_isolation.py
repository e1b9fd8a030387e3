"""Which sandbox reaches which: every kind of network, by IPv4 and IPv6."""

import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.e2e.support.daemon import Daemon
from tests.e2e.support.namespace import PATIENCE, Namespace
from tests.e2e.support.topology import KINDS, SANDBOXES, Topology

# Rows connect to columns. "=": the column sees the row's own address. "H": it sees the host's.
# ".": it is not reached. Where the families differ, IPv4 stands before the stroke. "gateway" is the
# host's address on the row's own network, "host" its address on the uplink.
TABLE = """
         host gateway outside blue1 blue2 red1 apart1 apart2 open1 shop1 shop2 half1 inner1 inner2 cells1 cells2 sealed1 sealed2
host      -      -       =      =     =    =      =      =     =     =     =     =      =      =      =      =       .       .
outside   =      -       -      .     .    .      .      .     =     =     =    =/.     .      .      .      .       .       .
blue1     =      =       H      -     =    .      .      .     .     .     .     .      .      .      .      .       .       .
red1      =      =       H      .     .    -      .      .     .     .     .     .      .      .      .      .       .       .
apart1    =      =       H      .     .    .      -      .     .     .     .     .      .      .      .      .       .       .
apart2    =      =       H      .     .    .      .      -     .     .     .     .      .      .      .      .       .       .
open1     =      =       =      .     .    .      .      .     -     .     .     .      .      .      .      .       .       .
shop1     =      =       =      .     .    .      .      .     .     -     .     .      .      .      .      .       .       .
half1     =      =      =/H     .     .    .      .      .     .     .     .     -      .      .      .      .       .       .
inner1    .      =       .      .     .    .      .      .     .     .     .     .      -      =      .      .       .       .
cells1    .      =       .      .     .    .      .      .     .     .     .     .      .      .      -      .       .       .
sealed1   .      -       .      .     .    .      .      .     .     .     .     .      .      .      .      .       -       =
"""  # noqa: E501 - a table
HEADS, *ROWS = [line.split() for line in TABLE.strip().splitlines()]
CELLS = {row[0]: dict(zip(HEADS, row[1:], strict=True)) for row in ROWS}
SETTINGS = ("bridge-nf-call-iptables", "bridge-nf-call-ip6tables")

by_family = pytest.mark.parametrize("version", [4, 6], ids="IPv{}".format)


@pytest.fixture(scope="module", params=["0", "1"], ids="br_netfilter={}".format)
def topology(request: pytest.FixtureRequest, module_daemon: Daemon) -> Iterator[Topology]:
    """Where br_netfilter is on, frames that stay on a bridge pass the firewall too."""
    for setting in SETTINGS:
        module_daemon.testbed.run("sysctl", "-w", f"net.bridge.{setting}={request.param}")
    made = Topology(module_daemon)
    yield made
    made.close()


@by_family
@pytest.mark.parametrize("caller", CELLS)
def test_a_sandbox_reaches_what_it_may_and_nothing_else(
    topology: Topology, caller: str, version: int
) -> None:
    signs = {
        callee: cell.split("/")[-1 if version == 6 else 0]
        for callee, cell in CELLS[caller].items()
        if cell != "-"
    }
    expected = {
        callee: topology.address("host", version)
        if sign == "H"
        else topology.own_address(caller, callee, version)
        for callee, sign in signs.items()
        if sign != "."
    }
    topology.require_reached(caller, list(signs), version, expected)


@by_family
@pytest.mark.parametrize("network", ["apart", "shop", "cells"])
def test_the_gateway_does_not_lead_round_to_a_neighbour(
    topology: Topology, network: str, version: int
) -> None:
    pair = caller, callee = f"{network}1", f"{network}2"
    gateway = topology.address("gateway", version, caller=caller)
    # Both have to be in it: an answer that goes straight back does not pass either.
    ways = {
        near: (topology.address(far, version), "via", gateway, "dev", "eth0")
        for near, far in (pair, pair[::-1])
    }
    for near, way in ways.items():
        topology.namespaces[near].run("ip", "route", "add", *way)
    expected = {"gateway": topology.address(caller, version)}
    topology.require_reached(caller, ["gateway", callee], version, expected)
    for near, way in ways.items():
        topology.namespaces[near].run("ip", "route", "del", *way)


@pytest.mark.parametrize("to", ["255.255.255.255", "239.9.9.9", "ff02::1", "ff02::99"])
def test_where_the_host_has_no_address_it_hears_what_is_sent_to_all_of_no_sandbox(
    topology: Topology, to: str
) -> None:
    """The others of the network do."""
    spaces = topology.namespaces
    with ExitStack() as stack:
        host = stack.enter_context(_receiver(spaces["host"], to, "br-sealed", "br-inner"))
        port = host.getsockname()[1]
        others = {
            name: stack.enter_context(_receiver(spaces[f"{name}2"], to, "eth0", port=port))
            for name in ("sealed", "inner")
        }
        for name, other in others.items():
            sender = stack.enter_context(_receiver(spaces[f"{name}1"], to, "eth0"))
            sender.sendto(name.encode(), _place(spaces[f"{name}1"], to, port))
            assert other.recv(100) == name.encode()
        assert host.recv(100) == b"inner"


def _place(sender: Namespace, to: str, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
    if ":" not in to:
        return to, port
    return to, port, 0, sender.inside(lambda: socket.if_nametoindex("eth0"))


def _receiver(where: Namespace, to: str, *devices: str, port: int = 0) -> socket.socket:
    """Return a socket for what is sent to all, and to a group by any of some devices."""
    indexes = where.inside(lambda: [socket.if_nametoindex(name) for name in devices])
    family = socket.AF_INET6 if ":" in to else socket.AF_INET
    made = where.inside(lambda: socket.socket(family, socket.SOCK_DGRAM))
    made.settimeout(PATIENCE)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    made.bind(("", port))
    group = socket.inet_pton(family, to)
    for index in indexes:
        if family == socket.AF_INET6:
            membership = group + index.to_bytes(4, sys.byteorder)
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, membership)
        elif to != "255.255.255.255":
            membership = group + bytes(4) + index.to_bytes(4, sys.byteorder)
            made.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
    return made


@pytest.mark.parametrize("name", KINDS)
def test_the_host_has_the_gateway_addresses_that_the_network_s_mode_gives_it(
    topology: Topology, name: str
) -> None:
    prefixes = {4: 24, 6: 64}
    wanted = {f"{KINDS[name].address(1, each)}/{length}" for each, length in prefixes.items()}
    expected = set() if name == "sealed" else wanted
    assert topology.namespaces["host"].addresses(f"br-{name}") == expected


@pytest.mark.parametrize("caller", SANDBOXES)
def test_every_endpoint_is_what_it_should_be(
    topology: Topology, module_daemon: Daemon, caller: str
) -> None:
    (endpoint,) = [
        endpoint for endpoint in module_daemon.endpoints() if endpoint.container_id == caller
    ]
    assert module_daemon.problems(endpoint) == []
