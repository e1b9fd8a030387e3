"""Requests about flows mean the same to pyroute2."""

from ipaddress import ip_address

import pytest
from pyroute2.netlink.nfnetlink.nfctsocket import nfct_msg

from mynet.drivers.linux.netlink.netfilter import conntrack
from mynet.drivers.linux.netlink.netfilter.conntrack import Flow, Place
from tests.drivers.linux.support.namespaces import decoded
from tests.drivers.linux.support.pyroute2_messages import attributes


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
