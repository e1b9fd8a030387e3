"""Requests about links mean the same to pyroute2."""

from dataclasses import replace

import pytest
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from mynet.drivers.linux.netlink.links import link_requests
from mynet.drivers.linux.values.desired import BRIDGE_GROUP, Bridge, Veth
from tests.drivers.linux.support.namespaces import decoded
from tests.drivers.linux.support.pyroute2_messages import attributes

MAC, OUTER_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
NEWLINK, DELLINK, GETLINK, SETLINK = 16, 17, 18, 19
NEWLINKPROP, DELLINKPROP = 108, 109
CREATE, EXCLUSIVE, REPLACE = 0x400, 0x200, 0x100
UP = 1
VETH = Veth("veth1", "mynet:i:e1", OUTER_MAC, "br-web", "mynet:i:n", MAC, 1400, "eth0", MAC)
OUTER = {
    "IFLA_IFNAME": "veth1",
    "IFLA_ADDRESS": OUTER_MAC,
    "IFLA_MTU": 1400,
    "IFLA_GROUP": 0x6D79,
    "IFLA_MASTER": 7,
}
PEER = {"IFLA_IFNAME": "eth0", "IFLA_ADDRESS": MAC, "IFLA_MTU": 1400}


def veth_info(peer: dict[str, object]) -> dict[str, object]:
    return {"IFLA_INFO_KIND": "veth", "IFLA_INFO_DATA": {"VETH_INFO_PEER": peer}}


@pytest.mark.parametrize(
    ("message", "kind", "flags", "fields", "expected"),
    [
        (
            link_requests.new_veth(VETH, 7, 5),
            *(NEWLINK, CREATE | EXCLUSIVE, {"index": 0}),
            {**OUTER, "IFLA_LINKINFO": veth_info({**PEER, "IFLA_NET_NS_FD": 5})},
        ),
        (
            link_requests.new_veth(VETH, 7, None),
            *(NEWLINK, CREATE | EXCLUSIVE, {"index": 0}),
            {**OUTER, "IFLA_LINKINFO": veth_info(PEER)},
        ),
        (
            link_requests.new_ifb("ifb-1", MAC),
            *(NEWLINK, CREATE | EXCLUSIVE, {"index": 0}),
            {
                "IFLA_IFNAME": "ifb-1",
                "IFLA_ADDRESS": MAC,
                "IFLA_LINKINFO": {"IFLA_INFO_KIND": "ifb"},
            },
        ),
        (
            link_requests.new_bridge(Bridge("br-web", "", MAC, 1500)),
            *(NEWLINK, CREATE | EXCLUSIVE, {"index": 0}),
            {
                "IFLA_IFNAME": "br-web",
                "IFLA_ADDRESS": MAC,
                "IFLA_GROUP": BRIDGE_GROUP,
                "IFLA_LINKINFO": {
                    "IFLA_INFO_KIND": "bridge",
                    # IFLA_BR_FDB_MAX_LEARNED, which this pyroute2 does not know
                    "IFLA_INFO_DATA": {
                        "UNKNOWN": {"header": {"length": 8, "type": 49}},
                        "IFLA_BR_MCAST_SNOOPING": 0,
                    },
                },
            },
        ),
        (
            link_requests.set_alias(3, "mynet:i:e1"),
            *(SETLINK, 0, {"index": 3, "change": 0}),
            {"IFLA_IFALIAS": "mynet:i:e1"},
        ),
        (
            link_requests.set_mac_and_mtu(3, MAC, 1400),
            *(SETLINK, 0, {"index": 3, "change": 0}),
            {"IFLA_ADDRESS": MAC, "IFLA_MTU": 1400},
        ),
        (
            link_requests.generate_no_address(3),
            *(SETLINK, 0, {"index": 3, "change": 0}),
            {"IFLA_AF_SPEC": {"AF_INET6": {"IFLA_INET6_ADDR_GEN_MODE": 1}}},
        ),
        (
            link_requests.set_master(3, 7),
            *(SETLINK, 0, {"index": 3, "change": 0}),
            {"IFLA_GROUP": 0x6D79, "IFLA_MASTER": 7},
        ),
        (
            link_requests.set_bridge_port(3, replace(VETH, isolated=True).port),
            *(NEWLINK, 0, {"index": 3, "change": 0}),
            {
                "IFLA_LINKINFO": {
                    "IFLA_INFO_SLAVE_KIND": "bridge",
                    "IFLA_INFO_SLAVE_DATA": {
                        "IFLA_BRPORT_ISOLATED": 1,
                        "IFLA_BRPORT_MODE": 0,
                        "IFLA_BRPORT_LEARNING": 0,
                        "IFLA_BRPORT_LOCKED": 1,
                        "IFLA_BRPORT_UNICAST_FLOOD": 0,
                        "IFLA_BRPORT_MCAST_FLOOD": 1,
                        "IFLA_BRPORT_BCAST_FLOOD": 1,
                        "IFLA_BRPORT_NEIGH_SUPPRESS": 0,
                        "IFLA_BRPORT_GROUP_FWD_MASK": 0xFFFD,
                    },
                }
            },
        ),
        (link_requests.set_up(3), SETLINK, 0, {"index": 3, "flags": UP, "change": UP}, {}),
        (
            link_requests.set_down_in_group(3, 4711),
            *(SETLINK, 0, {"index": 3, "flags": 0, "change": UP}),
            {"IFLA_GROUP": 4711},
        ),
        (
            link_requests.set_name(3, "br-web"),
            *(SETLINK, 0, {"index": 3, "change": 0}),
            {"IFLA_IFNAME": "br-web"},
        ),
        (link_requests.set_down(3), SETLINK, 0, {"index": 3, "flags": 0, "change": UP}, {}),
        (
            link_requests.set_group(3, 4711),
            *(SETLINK, 0, {"index": 3, "change": 0}),
            {"IFLA_GROUP": 4711},
        ),
        (
            link_requests.add_altname(3, "mynet-e1"),
            *(NEWLINKPROP, CREATE | EXCLUSIVE, {"index": 3}),
            {"IFLA_PROP_LIST": {"IFLA_ALT_IFNAME": "mynet-e1"}},
        ),
        (
            link_requests.delete_altname(3, "mynet-e1"),
            *(DELLINKPROP, 0, {"index": 3}),
            {"IFLA_PROP_LIST": {"IFLA_ALT_IFNAME": "mynet-e1"}},
        ),
        (link_requests.delete_group(4711), DELLINK, 0, {"index": 0}, {"IFLA_GROUP": 4711}),
        (link_requests.delete_link(3), DELLINK, 0, {"index": 3}, {}),
        (
            link_requests.get_link(name="veth1"),
            *(GETLINK, 0, {"index": 0}),
            {"IFLA_EXT_MASK": 8, "IFLA_IFNAME": "veth1"},
        ),
        (
            link_requests.get_link(altname="mynet-e1"),
            *(GETLINK, 0, {"index": 0}),
            {"IFLA_EXT_MASK": 8, "IFLA_ALT_IFNAME": "mynet-e1"},
        ),
        (
            link_requests.get_link_elsewhere(3, 5),
            *(GETLINK, 0, {"index": 3}),
            {"IFLA_EXT_MASK": 8, "IFLA_IF_NETNSID": 5},
        ),
        (
            link_requests.get_ports(7),
            *(GETLINK, 0, {"index": 0}),
            {"IFLA_EXT_MASK": 8, "IFLA_MASTER": 7},
        ),
        (link_requests.get_link(index=3), GETLINK, 0, {"index": 3}, {"IFLA_EXT_MASK": 8}),
    ],
)
def test_pyroute2_decodes_a_request_about_a_link_as_meant(
    message: bytes, kind: int, flags: int, fields: dict[str, int], expected: object
) -> None:
    link = decoded(ifinfmsg, message)
    assert (link["header"]["type"], link["header"]["flags"]) == (kind, flags)
    assert link["header"]["length"] == len(message)
    assert {name: link[name] for name in fields} == fields
    assert attributes(link) == expected
