"""IP forwarding is turned on if it is off, and the host keeps its own default routes."""

import socket
import struct
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.errors import KernelError
from mynet.drivers.linux import sysctl
from mynet.drivers.linux.host import settings
from mynet.drivers.linux.kernel import LinuxKernel
from mynet.drivers.testing import SampleCall, sample_network
from tests.drivers.linux.support.namespaces import Namespace

CALL = SampleCall()
IPV4, IPV6 = "ipv4/ip_forward", "ipv6/conf/all/forwarding"
TURNED_ON = "turned on IP forwarding on this host ({}): a network needs it"


@pytest.mark.parametrize(
    ("versions", "named"),
    [
        ({4}, ["net.ipv4.ip_forward"]),
        ({6}, ["net.ipv6.conf.all.forwarding"]),
        ({4, 6}, ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"]),
        (set(), []),
    ],
)
def test_forwarding_that_is_off_is_turned_on_and_logged(
    host: Namespace,
    kernel: LinuxKernel,
    caplog: pytest.LogCaptureFixture,
    versions: set[int],
    named: list[str],
) -> None:
    kernel.host.enable_forwarding(versions)
    assert host.setting(IPV4) == str(int(4 in versions))
    assert host.setting(IPV6) == str(int(6 in versions))
    assert caplog.messages == [TURNED_ON.format(name) for name in named]
    assert {record.levelname for record in caplog.records} <= {"WARNING"}


def test_forwarding_that_is_on_is_not_logged(
    host: Namespace, kernel: LinuxKernel, caplog: pytest.LogCaptureFixture
) -> None:
    host.set(IPV4, "1")
    host.set(IPV6, "1")
    kernel.host.enable_forwarding({4, 6})
    kernel.host.enable_forwarding(())
    assert (host.setting(IPV4), host.setting(IPV6)) == ("1", "1")
    assert not caplog.messages


def test_networks_forward_their_ip_versions(host: Namespace, driver: BridgeDriver) -> None:
    both = sample_network()
    driver.create(CALL, replace(both, internal=True))
    assert (host.setting(IPV4), host.setting(IPV6)) == ("0", "0")
    driver.create(CALL, replace(sample_network(2), subnets=sample_network(2).subnets[:1]))
    assert (host.setting(IPV4), host.setting(IPV6)) == ("1", "0")
    driver.delete(CALL, replace(sample_network(2), subnets=sample_network(2).subnets[:1]))
    driver.restore(CALL, [both])
    assert (host.setting(IPV4), host.setting(IPV6)) == ("1", "1")


@pytest.mark.parametrize("uplink", ["up0", "up.7"])
def test_a_host_accepts_router_advertisements_after_it_forwards(
    host: Namespace,
    new_namespace: Callable[[], Namespace],
    kernel: LinuxKernel,
    caplog: pytest.LogCaptureFixture,
    uplink: str,
) -> None:
    router = new_namespace()
    _join(host, uplink, router)
    _advertise(router)
    _await_route(host)
    before = host.run("ip", "-6", "route", "show", "default")
    kernel.host.enable_forwarding({6})
    kept = host.run("ip", "-6", "route", "show", "default")
    assert kept.split("expires")[0] == before.split("expires")[0] != ""
    assert host.setting(f"ipv6/conf/{uplink}/accept_ra") == "2"
    setting = f"net.ipv6.conf.{uplink.replace('.', '/')}.accept_ra"
    assert caplog.messages == [
        f"set {setting}=2: the host forwards and still has its routes from router advertisements",
        TURNED_ON.format("net.ipv6.conf.all.forwarding"),
    ]
    host.run("ip", "-6", "route", "del", "default")
    _advertise(router)
    _await_route(host)


@pytest.mark.parametrize("start", [False, True], ids=["a network made", "a start"])
def test_an_uplink_that_ignores_advertisements_accepts_them_again(
    host: Namespace,
    new_namespace: Callable[[], Namespace],
    kernel: LinuxKernel,
    driver: BridgeDriver,
    *,
    start: bool,
) -> None:
    router = new_namespace()
    _join(host, "up0", router)
    _advertise(router, prefix="2001:db8:7::")
    _await_route(host)
    assert list(kernel.firewall.inspect_surroundings().ra_ignored) == []
    host.set(IPV6, "1")
    assert host.run("ip", "-6", "route", "show", "default") == ""  # the kernel deletes it
    _advertise(router)
    assert list(kernel.firewall.inspect_surroundings().ra_ignored) == ["up0"]
    network = sample_network()
    for other in (replace(network, internal=True), replace(network, subnets=network.subnets[:1])):
        driver.restore(CALL, [other]) if start else driver.create(CALL, other)
        assert list(kernel.firewall.inspect_surroundings().ra_ignored) == ["up0"]
    driver.restore(CALL, [network]) if start else driver.create(CALL, network)
    assert list(kernel.firewall.inspect_surroundings().ra_ignored) == []
    _advertise(router)
    _await_route(host)


@pytest.mark.parametrize("before", ["0", "1", "2"])
def test_only_an_uplink_that_accepts_advertisements_continues_to(
    host: Namespace, outside: Namespace, kernel: LinuxKernel, before: str
) -> None:
    host.run("ip", "-6", "route", "add", "2001:db8:7::/64", "via", "2001:db8::1", "proto", "ra")
    host.set("ipv6/conf/up0/accept_ra", before)
    kernel.host.enable_forwarding({4, 6})
    assert host.setting("ipv6/conf/up0/accept_ra") == {"0": "0", "1": "2", "2": "2"}[before]


def test_a_link_without_routes_from_advertisements_is_not_changed(
    host: Namespace, outside: Namespace, kernel: LinuxKernel
) -> None:
    kernel.host.enable_forwarding({4, 6})
    assert host.setting("ipv6/conf/up0/accept_ra") == "1"


def test_forwarding_ipv4_alone_changes_no_setting_of_ipv6(
    host: Namespace, outside: Namespace, kernel: LinuxKernel
) -> None:
    host.run("ip", "-6", "route", "add", "2001:db8:7::/64", "via", "2001:db8::1", "proto", "ra")
    kernel.host.enable_forwarding({4})
    assert host.setting("ipv6/conf/up0/accept_ra") == "1"


def test_a_missing_setting_is_a_kernel_error(
    kernel: LinuxKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(settings._FORWARDING, 6, sysctl.NET / "ipv7/forwarding")
    with pytest.raises(KernelError, match=r"read net\.ipv7\.forwarding") as caught:
        kernel.host.enable_forwarding({6})
    assert caught.value.metadata["errno"] == "ENOENT"


def _join(host: Namespace, uplink: str, router: Namespace) -> None:
    host.run("ip", "link", "add", uplink, "type", "veth", "peer", "down0", "netns", router.path)
    for namespace, name, number in ((host, uplink, 2), (router, "down0", 1)):
        namespace.run("ip", "link", "set", name, "addrgenmode", "none")
        namespace.run("ip", "link", "set", name, "up")
        namespace.run("ip", "addr", "add", f"fe80::{number}/64", "dev", name, "nodad")


def _advertise(router: Namespace, *, prefix: str = "") -> None:
    """Send a router advertisement, RFC 4861, for a default router and a prefix."""
    message = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0)
    if prefix:
        packed = socket.inet_pton(socket.AF_INET6, prefix)
        message += struct.pack("!BBBBIII16s", 3, 4, 64, 0xC0, 3600, 3600, 0, packed)
    with (
        router.entered(),
        socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as sock,
    ):
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 255)
        sock.sendto(message, ("fe80::2%down0", 0))


def _await_route(host: Namespace) -> None:
    deadline = time.monotonic() + 60
    while "via fe80::1" not in host.run("ip", "-6", "route", "show", "default", "proto", "ra"):
        assert time.monotonic() < deadline, "the advertisement was ignored"
