"""The device of the default route, whose MTU networks use."""

from mynet.drivers.linux.kernel import LinuxKernel
from tests.drivers.linux.support.namespaces import Namespace


def test_without_a_default_route_the_mtu_is_1500(kernel: LinuxKernel) -> None:
    assert kernel.host.uplink_mtu() == 1500


def test_the_best_default_route_decides_the_mtu(host: Namespace, kernel: LinuxKernel) -> None:
    for name, mtu, family, metric in (
        ("a", "1400", "-4", "20"),
        ("b", "1420", "-4", "10"),
        ("c", "1300", "-6", "5"),
    ):
        _add(host, name, mtu)
        host.run("ip", family, "route", "add", "default", "dev", name, "metric", metric)
    assert kernel.host.uplink_mtu() == 1420
    host.run("ip", "link", "set", "dev", "b", "down")
    assert kernel.host.uplink_mtu() == 1400


def test_ipv6_decides_the_mtu_without_an_ipv4_default_route(
    host: Namespace, kernel: LinuxKernel
) -> None:
    _add(host, "c", "1300")
    host.run("ip", "-6", "route", "add", "default", "dev", "c")
    assert kernel.host.uplink_mtu() == 1300


def test_only_default_routes_of_the_main_table_to_a_device_count(
    host: Namespace, kernel: LinuxKernel
) -> None:
    _add(host, "a", "1400")
    for family in ("-4", "-6"):
        host.run("ip", family, "route", "add", "blackhole", "default", "metric", "1")
    host.run("ip", "route", "add", "default", "dev", "a", "table", "7")
    host.run("ip", "route", "add", "10.0.0.0/8", "dev", "a")
    assert kernel.host.uplink_mtu() == 1500


def test_the_first_of_several_next_hops_decides_the_mtu(
    host: Namespace, kernel: LinuxKernel
) -> None:
    hops = []
    for name, mtu in (("a", "1400"), ("b", "1420")):
        _add(host, name, mtu)
        hops += ["nexthop", "dev", name]
    host.run("ip", "route", "add", "default", *hops)
    assert kernel.host.uplink_mtu() == 1400


def _add(host: Namespace, name: str, mtu: str) -> None:
    host.run("ip", "link", "add", "name", name, "mtu", mtu, "type", "bridge")
    host.run("ip", "link", "set", "dev", name, "up")
