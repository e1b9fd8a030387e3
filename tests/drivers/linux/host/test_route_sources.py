"""The source addresses of default routes: read once, and again when a default route changes."""

from ipaddress import ip_address

import pytest

from mynet.drivers.linux.host import leaving
from mynet.drivers.linux.kernel import LinuxKernel
from mynet.drivers.linux.links import lookup
from mynet.drivers.linux.netlink.netlink_socket import Netlink
from mynet.drivers.linux.values.desired import RouteSource
from mynet.drivers.linux.values.observed import Route
from tests.drivers.linux.support.namespaces import Namespace

ROUTERS = {"-4": "203.0.113.1", "-6": "2001:db8::1"}
SOURCES = {"-4": "203.0.113.7", "-6": "2001:db8::7"}
by_family = pytest.mark.parametrize("family", ["-4", "-6"], ids=["IPv4", "IPv6"])


@pytest.fixture(autouse=True)
def _uplink(host: Namespace) -> None:
    host.run("ip", "link", "add", "up0", "type", "bridge")
    host.run("ip", "link", "set", "up0", "up")
    for address in ("203.0.113.5/24", "203.0.113.7/24", "2001:db8::5/64", "2001:db8::7/64"):
        host.run("ip", "addr", "add", address, "dev", "up0", *(["nodad"] if ":" in address else []))


@pytest.fixture
def lists(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The IP versions whose routes were listed. A test may take longer than they are remembered."""
    versions: list[int] = []
    listing = lookup.default_routes

    def counted(nl: Netlink, version: int) -> list[Route]:
        versions.append(version)
        return listing(nl, version)

    monkeypatch.setattr(leaving, "default_routes", counted)
    monkeypatch.setattr(leaving, "_REMEMBERED", 3600.0)
    return versions


@by_family
def test_a_changed_default_route_is_heeded_at_once(
    host: Namespace, kernel: LinuxKernel, lists: list[int], family: str
) -> None:
    assert kernel.host.route_sources() == []
    route = ("ip", family, "route", "replace", "default", "via", ROUTERS[family])
    host.run(*route, "src", SOURCES[family])
    expected = [RouteSource("up0", ip_address(SOURCES[family]))]
    assert kernel.host.route_sources() == expected
    host.run(*route)
    assert kernel.host.route_sources() == []


def test_routes_are_listed_once_while_no_default_route_changes(
    host: Namespace, kernel: LinuxKernel, lists: list[int]
) -> None:
    kernel.host.route_sources()
    first = len(lists)
    for number in range(5):
        host.run("ip", "route", "add", f"10.{number}.0.0/16", "dev", "up0")
        kernel.host.route_sources()
    assert len(lists) == first


def test_a_default_route_that_its_link_took_along_is_forgotten(
    host: Namespace, kernel: LinuxKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaving, "_REMEMBERED", 0.0)
    host.run("ip", "route", "add", "default", "via", ROUTERS["-4"], "src", SOURCES["-4"])
    assert kernel.host.route_sources()
    host.run("ip", "link", "set", "up0", "down")
    assert kernel.host.route_sources() == []
