"""Requests about routes mean the same to pyroute2."""

from ipaddress import ip_address

import pytest
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from mynet.drivers.linux.netlink.routes import path_requests, route_requests
from tests.drivers.linux.support.namespaces import decoded
from tests.drivers.linux.support.pyroute2_messages import attributes

CREATE, EXCLUSIVE, REPLACE = 0x400, 0x200, 0x100


@pytest.mark.parametrize("onlink", [False, True])
@pytest.mark.parametrize(
    ("gateway", "metric", "family", "priority"),
    [("10.1.0.1", 0, 2, 0), ("10.1.0.1", 7, 2, 7), ("fd00::1", 0, 10, 1), ("fd00::1", 7, 10, 7)],
)
def test_pyroute2_decodes_a_default_route_as_meant(
    gateway: str, metric: int, family: int, priority: int, *, onlink: bool
) -> None:
    message = route_requests.add_default_route(3, ip_address(gateway), metric, onlink=onlink)
    route = decoded(rtmsg, message)
    assert (route["header"]["type"], route["header"]["flags"]) == (24, CREATE | EXCLUSIVE)
    fields = {"family": family, "dst_len": 0, "table": 254, "proto": 4, "scope": 0, "type": 1}
    fields |= {"flags": 4 * onlink}  # RTNH_F_ONLINK
    assert {name: route[name] for name in fields} == fields
    expected = {"RTA_GATEWAY": gateway, "RTA_OIF": 3, "RTA_PRIORITY": priority}
    assert attributes(route) == expected


@pytest.mark.parametrize(("version", "family"), [(4, 2), (6, 10)])
def test_pyroute2_decodes_a_list_of_routes_as_meant(version: int, family: int) -> None:
    message = route_requests.get_routes(version, table=254, protocol=9, index=3)
    routes = decoded(rtmsg, message)
    assert (routes["header"]["type"], routes["header"]["flags"]) == (26, 0)
    fields = {"family": family, "dst_len": 0, "table": 254, "proto": 9, "flags": 0}
    assert {name: routes[name] for name in fields} == fields
    assert attributes(routes) == {"RTA_OIF": 3}


@pytest.mark.parametrize(("address", "family", "bits"), [("10.1.0.2", 2, 32), ("fd00::2", 10, 128)])
def test_pyroute2_decodes_the_question_for_a_route_as_meant(
    address: str, family: int, bits: int
) -> None:
    route = decoded(rtmsg, path_requests.get_route_to(ip_address(address)))
    assert (route["header"]["type"], route["header"]["flags"]) == (26, 0)
    assert (route["family"], route["dst_len"], route["flags"]) == (family, bits, 0)
    assert attributes(route) == {"RTA_DST": address}
