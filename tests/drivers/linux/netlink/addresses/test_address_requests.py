"""Requests about addresses and neighbours mean the same to pyroute2."""

from ipaddress import ip_address, ip_interface

import pytest
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ndmsg import ndmsg

from mynet.drivers.linux.netlink.addresses import address_requests, neighbour_requests
from tests.drivers.linux.support.namespaces import decoded
from tests.drivers.linux.support.pyroute2_messages import attributes

MAC, OUTER_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
CREATE, EXCLUSIVE, REPLACE = 0x400, 0x200, 0x100


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


@pytest.mark.parametrize("index", [0, 3])
def test_pyroute2_decodes_a_list_of_addresses_as_meant(index: int) -> None:
    message = decoded(ifaddrmsg, address_requests.get_addresses(index))
    fields = {"family": 0, "prefixlen": 0, "flags": 0, "scope": 0, "index": index}
    assert (message["header"]["type"], message["header"]["flags"]) == (22, 0)
    assert {name: message[name] for name in fields} == fields
    assert attributes(message) == {}


@pytest.mark.parametrize(("address", "family"), [("10.1.0.2", 2), ("fd00::2", 10)])
def test_pyroute2_decodes_a_changed_neighbour_as_meant(address: str, family: int) -> None:
    message = neighbour_requests.change_neighbour(3, ip_address(address), MAC)
    neighbour = decoded(ndmsg, message)
    assert (neighbour["header"]["type"], neighbour["header"]["flags"]) == (28, REPLACE)
    fields = {"family": family, "ifindex": 3, "state": 4, "flags": 0, "ndm_type": 0}
    assert {name: neighbour[name] for name in fields} == fields
    assert attributes(neighbour) == {"NDA_DST": address, "NDA_LLADDR": MAC}
