"""Requests about elements of sets mean the same to pyroute2."""

import pytest
from pyroute2.netlink.nfnetlink.nftsocket import nft_set_elem_list_msg

from mynet.drivers.linux.netlink.netfilter import nftables
from mynet.drivers.linux.netlink.netfilter.nftables import Key, TableName
from mynet.drivers.linux.netlink.netfilter.set_limits import SECOND, ConnectionLimit, RateLimit
from tests.drivers.linux.support.namespaces import decoded
from tests.drivers.linux.support.pyroute2_messages import attributes

TABLE = TableName("inet", "mynet")
CREATE, EXCLUSIVE, REPLACE = 0x400, 0x200, 0x100


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
            nftables.add_element(TABLE, "pub4", Key(b"1234", limit=ConnectionLimit(4096))),
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
        (
            nftables.add_element(TABLE, "pub4", Key(b"1234", limit=RateLimit(1024, SECOND, 4096))),
            *(12, CREATE),
            {
                "NFTA_SET_ELEM_KEY": {"NFTA_DATA_VALUE": b"1234"},
                "NFTA_SET_ELEM_EXPR": {
                    "NFTA_EXPR_NAME": "limit",
                    "NFTA_EXPR_DATA": {
                        "NFTA_LIMIT_RATE": 1024,
                        "NFTA_LIMIT_UNIT": 1,
                        "NFTA_LIMIT_BURST": 4096,
                        "NFTA_LIMIT_FLAGS": 1,  # NFT_LIMIT_F_INV
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
