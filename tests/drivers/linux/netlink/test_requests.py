"""Requests that are packed by hand mean the same to pyroute2."""

from dataclasses import replace
from ipaddress import ip_address, ip_interface
from typing import Any

import pytest
from pyroute2.netlink.nfnetlink.nfctsocket import nfct_msg
from pyroute2.netlink.nfnetlink.nftsocket import nft_set_elem_list_msg
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.ndmsg import ndmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg
from pyroute2.netlink.rtnl.tcmsg import tcmsg

from mynet.drivers.linux.netlink import (
    address_requests,
    conntrack,
    fdb_requests,
    link_requests,
    nftables,
    pyroute2_requests,
    tc,
)
from mynet.drivers.linux.netlink.conntrack import Flow, Place
from mynet.drivers.linux.netlink.nftables import Key, TableName
from mynet.drivers.linux.values.desired import BRIDGE_GROUP, Bridge, Rate, Veth
from tests.drivers.linux.support.namespaces import decoded

MAC, OUTER_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
NEWLINK, DELLINK, GETLINK, SETLINK = 16, 17, 18, 19
NEWLINKPROP, DELLINKPROP = 108, 109
TABLE = TableName("inet", "mynet")
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


def attributes(message: Any) -> Any:
    """Return the attributes of a decoded message as nested dictionaries."""
    if isinstance(message, list):
        return [attributes(part) for part in message]
    try:
        pairs = message["attrs"]
    except (TypeError, KeyError):
        return message
    return {pair[0]: attributes(pair[1]) for pair in pairs}


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
                    "IFLA_INFO_DATA": {"UNKNOWN": {"header": {"length": 8, "type": 49}}},
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
        (pyroute2_requests.delete_link(3), DELLINK, 0, {"index": 3}, {}),
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


@pytest.mark.parametrize(
    ("cidr", "family", "expected"),
    [
        ("10.1.0.2/24", 2, {"IFA_BROADCAST": "10.1.0.255"}),
        ("10.1.0.2/31", 2, {}),
        ("fd00:1::2/64", 10, {}),
    ],
)
def test_pyroute2_decodes_a_new_address_as_meant(
    cidr: str, family: int, expected: dict[str, object]
) -> None:
    interface = ip_interface(cidr)
    address = decoded(ifaddrmsg, address_requests.add_address(3, interface))
    assert (address["header"]["type"], address["header"]["flags"]) == (20, CREATE | REPLACE)
    assert (address["family"], address["prefixlen"], address["index"]) == (
        family,
        interface.network.prefixlen,
        3,
    )
    assert address["flags"] == (2 if family == 10 else 0)  # IFA_F_NODAD
    both = {"IFA_ADDRESS": str(interface.ip), "IFA_LOCAL": str(interface.ip)}
    assert attributes(address) == both | expected


@pytest.mark.parametrize("onlink", [False, True])
@pytest.mark.parametrize(
    ("gateway", "metric", "family", "priority"),
    [("10.1.0.1", 0, 2, 0), ("10.1.0.1", 7, 2, 7), ("fd00::1", 0, 10, 1), ("fd00::1", 7, 10, 7)],
)
def test_pyroute2_decodes_a_default_route_as_meant(
    gateway: str, metric: int, family: int, priority: int, *, onlink: bool
) -> None:
    message = address_requests.add_default_route(3, ip_address(gateway), metric, onlink=onlink)
    route = decoded(rtmsg, message)
    assert (route["header"]["type"], route["header"]["flags"]) == (24, CREATE | EXCLUSIVE)
    fields = {"family": family, "dst_len": 0, "table": 254, "proto": 4, "scope": 0, "type": 1}
    fields |= {"flags": 4 * onlink}  # RTNH_F_ONLINK
    assert {name: route[name] for name in fields} == fields
    expected = {"RTA_GATEWAY": gateway, "RTA_OIF": 3, "RTA_PRIORITY": priority}
    assert attributes(route) == expected


@pytest.mark.parametrize(("address", "family"), [("10.1.0.2", 2), ("fd00::2", 10)])
def test_pyroute2_decodes_a_changed_neighbour_as_meant(address: str, family: int) -> None:
    message = address_requests.change_neighbour(3, ip_address(address), MAC)
    neighbour = decoded(ndmsg, message)
    assert (neighbour["header"]["type"], neighbour["header"]["flags"]) == (28, REPLACE)
    fields = {"family": family, "ifindex": 3, "state": 4, "flags": 0, "ndm_type": 0}
    assert {name: neighbour[name] for name in fields} == fields
    assert attributes(neighbour) == {"NDA_DST": address, "NDA_LLADDR": MAC}


@pytest.mark.parametrize(
    ("message", "kind", "flags", "state", "entry_flags"),
    [
        (fdb_requests.add_static(3, MAC), 28, CREATE | REPLACE, 0x40, 0x44),
        (fdb_requests.delete(3, MAC), 29, 0, 0, 0x04),
        (fdb_requests.get(3, MAC), 30, 0, 0, 0x04),
    ],
)
def test_pyroute2_decodes_an_entry_of_a_forwarding_database_as_meant(
    message: bytes, kind: int, flags: int, state: int, entry_flags: int
) -> None:
    entry = decoded(ndmsg, message)
    assert (entry["header"]["type"], entry["header"]["flags"]) == (kind, flags)
    fields = {"family": 7, "ifindex": 3, "state": state, "flags": entry_flags, "ndm_type": 0}
    assert {name: entry[name] for name in fields} == fields
    assert attributes(entry) == {"NDA_LLADDR": MAC}


def test_pyroute2_decodes_a_limit_as_meant() -> None:
    queue = decoded(tcmsg, tc.set_rate(3, Rate(1_250_000, 16384)))
    assert (queue["header"]["type"], queue["header"]["flags"]) == (36, CREATE | REPLACE)
    assert (queue["index"], queue["parent"]) == (3, 0xFFFFFFFF)
    decoded_attributes = attributes(queue)
    assert decoded_attributes["TCA_KIND"] == "tbf"
    parameters = decoded_attributes["TCA_OPTIONS"]["TCA_TBF_PARMS"]
    assert (parameters["rate"], parameters["peak"]) == (1_250_000, 0)
    assert parameters["limit"] == 1_250_000 // 20 + 16384  # what may wait 50 ms, and the burst


def test_pyroute2_decodes_a_redirection_as_meant() -> None:
    message = tc.redirect(3, 9)
    rule = decoded(tcmsg, message)
    assert (rule["header"]["type"], rule["header"]["flags"]) == (44, CREATE | EXCLUSIVE)
    assert (rule["index"], rule["parent"]) == (3, 0xFFFF0000)
    options = attributes(rule)["TCA_OPTIONS"]
    (key,) = options["TCA_U32_SEL"]["keys"]
    assert (key["key_mask"], key["key_val"]) == (0, 0)
    action = options["TCA_U32_ACT"]["TCA_ACT_PRIO_1"]
    assert action["TCA_ACT_KIND"] == "mirred"
    parameters = action["TCA_ACT_OPTIONS"]["TCA_MIRRED_PARMS"]
    assert (parameters["eaction"], parameters["ifindex"], parameters["action"]) == (1, 9, 4)


@pytest.mark.parametrize(
    ("message", "family", "tuple_name", "protocol", "flags"),
    [
        (
            conntrack.get_udp_flows(4, Place.DESTINATION, 53),
            *(2, "ORIG", {"CTA_PROTO_DST_PORT": 53}, 0b101000),
        ),
        (
            conntrack.get_udp_flows(4, Place.SOURCE, 53),
            *(2, "ORIG", {"CTA_PROTO_SRC_PORT": 53}, 0b011000),
        ),
        (
            conntrack.get_udp_flows(6, Place.SEEN_SOURCE, 53),
            *(10, "REPLY", {"CTA_PROTO_DST_PORT": 53}, 0b101000),
        ),
        (conntrack.get_udp_flows(6), *(10, "ORIG", {}, 0b1000)),
    ],
    ids=["to", "from", "seen", "all"],
)
def test_pyroute2_decodes_a_question_for_flows_as_meant(
    message: bytes, family: int, tuple_name: str, protocol: dict[str, int], flags: int
) -> None:
    question = decoded(nfct_msg, message)
    assert (question["header"]["type"], question["nfgen_family"]) == (0x101, family)
    assert attributes(question) == {
        f"CTA_TUPLE_{tuple_name}": {"CTA_TUPLE_PROTO": {"CTA_PROTO_NUM": 17, **protocol}},
        "CTA_FILTER": {f"CTA_FILTER_{tuple_name}_FLAGS": flags},
    }


def test_a_flow_is_deleted_by_the_bytes_that_the_kernel_wrote() -> None:
    address = ip_address("fd00::1")
    flow = Flow(*(address, 53) * 4, tuple=b"\x08\0\x01\0abcd")
    request = conntrack.delete_flow(flow)
    question = decoded(nfct_msg, request)
    assert (question["header"]["type"], question["nfgen_family"]) == (0x102, 10)
    assert request.endswith(flow.tuple)


@pytest.mark.parametrize(
    ("message", "kind", "flags", "expected"),
    [
        (
            nftables.add_element(TABLE, "pub4", Key(b"1234", b"5678")),
            *(12, CREATE),
            {
                "NFTA_SET_ELEM_KEY": {"NFTA_DATA_VALUE": b"1234"},
                "NFTA_SET_ELEM_DATA": {"NFTA_DATA_VALUE": b"5678"},
            },
        ),
        (
            nftables.delete_element(TABLE, "pub4", Key(b"1234", ends_interval=True)),
            *(14, 0),
            {
                "NFTA_SET_ELEM_KEY": {"NFTA_DATA_VALUE": b"1234"},
                "NFTA_SET_ELEM_FLAGS": frozenset({1}),
            },
        ),
        (
            nftables.get_element(TABLE, "pub4", Key(b"1234", end=b"1239")),
            *(13, 0),
            {
                "NFTA_SET_ELEM_KEY": {"NFTA_DATA_VALUE": b"1234"},
                "NFTA_SET_ELEM_KEY_END": {"NFTA_DATA_VALUE": b"1239"},
            },
        ),
        (
            nftables.add_element(TABLE, "pub4", Key(b"1234", limit=4096)),
            *(12, CREATE),
            {
                "NFTA_SET_ELEM_KEY": {"NFTA_DATA_VALUE": b"1234"},
                "NFTA_SET_ELEM_EXPR": {
                    "NFTA_EXPR_NAME": "connlimit",
                    "NFTA_EXPR_DATA": {
                        "NFTA_CONNLIMIT_COUNT": 4096,
                        "NFTA_CONNLIMIT_FLAGS": frozenset({"NFT_LIMIT_F_INV"}),
                    },
                },
            },
        ),
    ],
)
def test_pyroute2_decodes_a_request_about_an_element_as_meant(
    message: bytes, kind: int, flags: int, expected: object
) -> None:
    request = decoded(nft_set_elem_list_msg, message)
    assert (request["header"]["type"], request["header"]["flags"]) == (10 << 8 | kind, flags)
    assert request["nfgen_family"] == 1  # inet
    assert attributes(request) == {
        "NFTA_SET_ELEM_LIST_TABLE": "mynet",
        "NFTA_SET_ELEM_LIST_SET": "pub4",
        "NFTA_SET_ELEM_LIST_ELEMENTS": [expected],
    }
