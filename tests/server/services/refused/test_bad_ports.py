"""Requests of published ports that are refused with all violations, and change nothing."""

from ipaddress import ip_address
from typing import Any
from unittest.mock import Mock

import pytest

from mynet.drivers.errors import KernelError
from mynet.drivers.linux.values.ports import Binding
from mynet.v1.network_pb2 import PortMapping
from tests.server.support.refusals import refusal, require_violations
from tests.server.support.requests import connect, shown
from tests.server.support.world import World

WEB = {"host_port": 8080, "container_port": 80}


def check(world: World, fields: dict[str, Any], faults: list[str]) -> None:
    require_violations(world, world.net.Connect, connect("c2", **fields), faults)


def port(**fields: Any) -> PortMapping:
    return PortMapping(**{"container_port": 80, **fields})


@pytest.mark.parametrize(
    ("fields", "faults"),
    [
        ({"container_port": 0}, ["container_port"]),
        ({"container_port": 65536}, ["container_port"]),
        ({"container_port": 65000, "count": 537}, ["container_port"]),
        ({"host_port": 65536}, ["host_port"]),
        ({"host_port": 2**32 - 1}, ["host_port"]),
        ({"host_port": 65535, "count": 2}, ["host_port"]),
        ({"count": 2**32 - 1}, ["host_port", "container_port"]),
        ({"protocol": 9}, ["protocol"]),
        ({"host_ip": "banana"}, ["host_ip"]),
        ({"host_ip": "10.1.0.0/24"}, ["host_ip"]),
        ({"host_ip": "224.0.0.1"}, ["host_ip"]),
        ({"host_ip": "255.255.255.255"}, ["host_ip"]),
        ({"host_ip": "ff02::1"}, ["host_ip"]),
        ({"host_ip": "fe80::1"}, ["host_ip"]),
        ({"host_ip": "fe80::1%eth0"}, ["host_ip"]),
        ({"host_ip": "::ffff:127.0.0.1"}, ["host_ip"]),
        (
            {"host_port": 70000, "container_port": 0, "protocol": 7},
            ["host_port", "container_port", "protocol"],
        ),
    ],
    ids=shown,
)
def test_a_port_is_refused(
    furnished_world: World, fields: dict[str, Any], faults: list[str]
) -> None:
    asked = {"ports": [port(host_port=1), port(**fields)]}
    check(furnished_world, asked, [f"ports[1].{fault}" for fault in faults])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (port(**WEB), port(**WEB)),
        (port(**WEB), port(host_port=8080, container_port=81)),
        (port(host_port=8080, count=9), port(host_port=8088)),
        (port(host_port=8088), port(host_port=8080, count=9)),
        (port(**WEB), port(host_port=8080, host_ip="127.0.0.1")),
        (port(host_port=8080, host_ip="0.0.0.0"), port(host_port=8080, host_ip="127.0.0.1")),  # noqa: S104
        (port(host_port=8080, host_ip="::1"), port(host_port=8080, host_ip="0:0::1")),
    ],
)
def test_the_same_port_twice_is_refused(
    furnished_world: World, first: PortMapping, second: PortMapping
) -> None:
    asked = {"ports": [port(host_port=1), first, second]}
    check(furnished_world, asked, ["ports[2].host_port"])


@pytest.mark.parametrize(
    "ports",
    [
        [port(host_port=number) for number in range(1, 258)],
        [port(host_port=8080, count=1025)],
        [port(count=1025)],
        [port(host_port=8080, count=1000), port(host_port=20000, count=1000)],
    ],
    ids=["entries", "another number", "chosen", "together"],
)
def test_too_many_ports_are_refused(furnished_world: World, ports: list[PortMapping]) -> None:
    check(furnished_world, {"ports": ports}, ["ports"])


def test_all_violations_are_reported(furnished_world: World) -> None:
    check(
        furnished_world,
        {"interface": "a b", "ports": [port(host_port=65536), port(host_ip="x")]},
        ["interface", "ports[0].host_port", "ports[1].host_ip"],
    )


def test_ports_at_the_limits_are_published(world: World) -> None:
    world.network("web", "10.1.0.0/24", "fd00:1::/64")
    kept = port(host_port=20000, container_port=20000, count=5000)
    renumbered = port(host_port=1, container_port=64512, count=1024)
    last = port(host_port=65535, container_port=65535)
    endpoint = world.connect("c1", ports=[kept, renumbered, last])
    assert [port.count for port in endpoint.ports] == [5000, 1024, 1]
    assert len(world.host.ports.taken()) == 6025


def test_an_internal_network_publishes_nothing(furnished_world: World) -> None:
    furnished_world.network("inner", "10.8.0.0/24", internal=True)
    asked = {"network": "inner", "ports": [port(), port(host_ip="fd00::1")]}
    check(furnished_world, asked, ["ports", "ports[1].host_ip"])
    furnished_world.delete("inner")


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::", "2001:db8::1"])  # noqa: S104
def test_an_address_of_a_family_that_the_network_lacks_is_refused(
    furnished_world: World, address: str
) -> None:
    cidr = "10.8.0.0/24" if ":" in address else "fd00:8::/64"
    furnished_world.network("half", cidr)
    asked = {"network": "half", "ports": [port(host_ip=address)]}
    check(furnished_world, asked, ["ports[0].host_ip"])
    furnished_world.delete("half")


def test_the_loopback_address_of_ipv6_is_unsupported(furnished_world: World) -> None:
    before = furnished_world.state()
    refused = refusal(furnished_world.net.Connect, connect("c2", ports=[port(host_ip="::1")]))
    assert refused.short == ("UNIMPLEMENTED", "CAPABILITY_UNSUPPORTED")
    assert "127.0.0.1" in refused.message
    assert furnished_world.state() == before


@pytest.mark.parametrize("number", [0, 9], ids=["chosen", "named"])
@pytest.mark.parametrize(
    ("errno", "reason"),
    [("EADDRNOTAVAIL", "INVALID_ARGUMENT"), ("EACCES", "KERNEL_ERROR")],
)
def test_an_address_that_the_host_lacks_is_a_violation(
    furnished_world: World,
    monkeypatch: pytest.MonkeyPatch,
    errno: str,
    reason: str,
    number: int,
) -> None:
    def hold(binding: Binding) -> Mock:
        if binding.address == ip_address("192.0.2.7"):
            raise KernelError("the kernel refused", metadata={"errno": errno})
        return Mock()

    monkeypatch.setattr(furnished_world.host.ports, "reserve", hold)
    before = furnished_world.state()
    strange = [port(host_port=number, host_ip="192.0.2.7", container_port=n) for n in (1, 2)]
    if number:
        strange[1].host_port += 1
    asked = connect("c2", ports=[port(host_ip="127.0.0.1", container_port=1), *strange])
    refused = refusal(furnished_world.net.Connect, asked)
    assert refused.reason == reason
    if reason == "INVALID_ARGUMENT":
        assert refused.faults == ["ports[1].host_ip", "ports[2].host_ip"]
    assert furnished_world.state() == before
