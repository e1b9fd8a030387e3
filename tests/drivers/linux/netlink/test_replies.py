"""Replies are read as pyroute2 reads them: links, addresses and routes of any kind."""

from collections.abc import Sequence
from ipaddress import ip_address, ip_interface
from typing import Any

import pytest
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from mynet.drivers.linux.netlink import rtnetlink
from mynet.drivers.linux.netlink.addresses import address_replies, address_requests
from mynet.drivers.linux.netlink.links import link_replies, link_requests
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.netlink.routes import route_replies, route_requests
from tests.drivers.linux.support.namespaces import Namespace, decoded

SCENE = """
link add br0 type bridge
link set br0 alias mynet:i:web
link add up0 type veth peer up1
link set up0 master br0
link set up0 type bridge_slave isolated on
link add port0 type veth peer port1
link set port0 master br0
link set port0 type bridge_slave hairpin on
link set up0 addrgenmode none
link set up0 up
link set up1 up
link add mac0 link up1 type macvlan
link add vx0 type vxlan id 7 dstport 4789 dev up1
addr add 198.51.100.9/24 dev up1
addr add 198.51.100.20 peer 203.0.113.7/32 dev up1
addr add 2001:db8::9/64 dev up1 nodad
route add default via 198.51.100.1 metric 7
route add default via 2001:db8::1 metric 9
route add 10.1.0.0/16 nexthop via 198.51.100.1 weight 2 nexthop via 198.51.100.2
route add default metric 20 nexthop via 198.51.100.1 nexthop via 198.51.100.2
route add default via 198.51.100.3 table 4711
route add blackhole 10.3.0.0/16
route add unreachable default metric 4000
route add 10.4.0.0/16 dev up1
"""


@pytest.fixture(autouse=True)
def scene(host: Namespace) -> None:
    host.run("ip", "-batch", "-", text=SCENE)


def dumped(message: bytes) -> Sequence[bytes]:
    with Netlink() as nl:
        return nl.dump(Request(message, "list", "things"))


def test_a_link_is_read_as_pyroute2_reads_it() -> None:
    links = {}
    for data in dumped(link_requests.get_link()):
        link, other = link_replies.read_link(data), decoded(ifinfmsg, data)
        info = other.get_attr("IFLA_LINKINFO")
        assert link.index == other["index"]
        assert link.name == other.get_attr("IFLA_IFNAME")
        assert link.kind == ((info.get_attr("IFLA_INFO_KIND") if info else "") or "")
        assert link.mac == (other.get_attr("IFLA_ADDRESS") or "")
        assert link.mtu == other.get_attr("IFLA_MTU")
        assert link.mark == (other.get_attr("IFLA_IFALIAS") or "")
        assert link.master == (other.get_attr("IFLA_MASTER") or 0)
        assert link.peer == (other.get_attr("IFLA_LINK") or 0)
        assert link.up == bool(other["flags"] & 1)
        assert link.port.isolated == _is_port_with(info, "IFLA_BRPORT_ISOLATED")
        assert link.port.hairpin == _is_port_with(info, "IFLA_BRPORT_MODE")
        links[link.name] = link
    assert {"lo", "br0", "up0", "up1", "mac0", "vx0"} <= links.keys()
    assert (links["br0"].kind, links["br0"].mark) == ("bridge", "mynet:i:web")
    assert {name for name, link in links.items() if link.port.isolated} == {"up0"}
    assert {name for name, link in links.items() if link.port.hairpin} == {"port0"}
    assert (links["up0"].master, links["up0"].peer) == (links["br0"].index, links["up1"].index)


def _is_port_with(info: Any, attribute: str) -> bool:
    if info is None or info.get_attr("IFLA_INFO_SLAVE_KIND") != "bridge":
        return False
    return bool(info.get_attr("IFLA_INFO_SLAVE_DATA").get_attr(attribute))


def test_an_address_is_read_as_pyroute2_reads_it() -> None:
    addresses = set()
    for data in dumped(address_requests.get_addresses()):
        (index, address), other = address_replies.read_address(data), decoded(ifaddrmsg, data)
        near = other.get_attr("IFA_LOCAL") or other.get_attr("IFA_ADDRESS")
        assert index == other["index"]
        assert address == ip_interface(f"{near}/{other['prefixlen']}")
        addresses.add(str(address))
    assert {"127.0.0.1/8", "198.51.100.9/24", "198.51.100.20/32", "2001:db8::9/64"} <= addresses


@pytest.mark.parametrize("version", [4, 6])
def test_a_route_is_read_as_pyroute2_reads_it(version: int) -> None:
    for data in dumped(route_requests.get_routes(version)):
        route, other = route_replies.read_route(data), decoded(rtmsg, data)
        hops = other.get_attr("RTA_MULTIPATH") or ()
        first = hops[0] if hops else other
        gateway = first.get_attr("RTA_GATEWAY")
        assert route_replies.is_default(data) == (other["dst_len"] == 0 and other["type"] == 1)
        assert route.gateway == (ip_address(gateway) if gateway else None)
        assert route.device == (hops[0]["oif"] if hops else other.get_attr("RTA_OIF") or 0)
        assert route.metric == (other.get_attr("RTA_PRIORITY") or 0)
        assert route.protocol == other["proto"]
    defaults = {
        (str(route.gateway), route.metric)
        for data in dumped(route_requests.get_routes(version, table=rtnetlink.RT_TABLE_MAIN))
        if route_replies.is_default(data) and (route := route_replies.read_route(data))
    }
    assert defaults == (
        {("198.51.100.1", 7), ("198.51.100.1", 20)} if version == 4 else {("2001:db8::1", 9)}
    )
