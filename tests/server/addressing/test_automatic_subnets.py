"""Subnets without a CIDR: the next free ones of the pools."""

from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from mynet.server import host
from mynet.server.model.subnets import AddressPool, Defaults
from mynet.v1 import network_pb2
from tests.server.support.refusals import refusal
from tests.server.support.requests import create, create_subnet
from tests.server.support.world import World

SMALL = (AddressPool(ip_network("10.64.0.0/22"), 24), AddressPool(ip_network("fd77::/62"), 64))


def automatic(world: World, name: str, *cidrs: str, **fields: Any) -> list[str]:
    """Create a network with the subnets as they are given: none at all, perhaps."""
    subnets = [{"cidr": cidr} for cidr in cidrs]
    network = world.network(name, subnets=subnets, **fields)
    return [subnet.cidr for subnet in network.subnets]


@pytest.fixture
def small(make_world: Callable[..., World]) -> World:
    """A world with four subnets a family."""
    return make_world(defaults=Defaults(SMALL, cooldown=0.0))


def test_a_network_without_subnets_gets_one_of_each_family(world: World) -> None:
    network = world.network("web", subnets=[])
    assert [(each.cidr, each.gateway) for each in network.subnets] == [
        ("10.192.0.0/24", "10.192.0.1"),
        ("fd77::/64", "fd77::1"),
    ]
    assert world.connect("c1").addresses == ["10.192.0.2/24", "fd77::2/64"]
    assert world.subnet("10.192.0.0/24").network == "web"


def test_the_next_network_gets_the_next_ones(world: World) -> None:
    automatic(world, "one")
    assert automatic(world, "two") == ["10.192.1.0/24", "fd77:0:0:1::/64"]


def test_a_repeated_create_returns_the_chosen_subnets(world: World) -> None:
    first = world.network("web", subnets=[])
    again = world.network("web", subnets=[], allow_existing=True)
    assert again == first
    named = create("web", "10.192.0.0/24", "fd77::/64", allow_existing=True)
    assert refusal(world.net.CreateNetwork, named).reason == "NETWORK_EXISTS"


@pytest.mark.parametrize(
    ("version", "cidr"), [(4, "10.64.0.0/24"), (6, "fd77::/64")], ids=["IPv4", "IPv6"]
)
def test_with_pools_of_one_family_a_network_gets_one_subnet(
    make_world: Callable[..., World], version: int, cidr: str
) -> None:
    pools = [pool for pool in SMALL if pool.base.version == version]
    assert automatic(make_world(defaults=Defaults(pools)), "web") == [cidr]


@pytest.mark.parametrize(
    ("spec", "cidr"),
    [
        ("0.0.0.0/26", "10.192.0.0/26"),
        ("0.0.0.0/16", "10.192.0.0/16"),
        ("0.0.0.0/30", "10.192.0.0/30"),
        ("::/80", "fd77::/80"),
        ("::/48", "fd77::/48"),
        ("::/126", "fd77::/126"),
    ],
)
def test_a_size_alone_asks_for_any_subnet_of_that_size(world: World, spec: str, cidr: str) -> None:
    assert automatic(world, "web", spec) == [cidr]
    world.delete()
    assert world.create_subnet(spec).cidr.endswith(spec.partition("/")[2])


def test_a_subnet_without_a_size_is_an_ipv4_subnet(world: World) -> None:
    assert world.create_subnet("").cidr == "10.192.0.0/24"
    assert world.create_subnet("").cidr == "10.192.1.0/24"


def test_named_and_chosen_subnets_go_together_in_the_order_asked_for(world: World) -> None:
    asked = ("0.0.0.0/24", "10.192.0.0/24", "::/64", "10.192.2.7/24", "0.0.0.0/24")
    assert automatic(world, "web", *asked) == [
        *("10.192.1.0/24", "10.192.0.0/24", "fd77::/64", "10.192.2.0/24", "10.192.3.0/24"),
    ]


def test_a_chosen_subnet_may_have_times_of_its_own(world: World) -> None:
    made = world.create_subnet("0.0.0.0/26", cooldown={"seconds": 7})
    assert (made.cidr, made.cooldown.ToSeconds()) == ("10.192.0.0/26", 7)


# --- what is in use ---------------------------------------------------------------------------


def test_registered_subnets_are_not_chosen(small: World) -> None:
    small.network("web", "10.64.0.128/25", "fd77::/64")
    small.create_subnet("10.64.1.0/24")
    small.allocate("10.64.2.7/32")
    assert automatic(small, "auto") == ["10.64.3.0/24", "fd77:0:0:1::/64"]


@pytest.mark.parametrize(
    ("taken", "cidrs"),
    [
        (["10.64.0.0/24"], ["10.64.1.0/24", "fd77::/64"]),
        (["10.64.0.200/32"], ["10.64.1.0/24", "fd77::/64"]),
        (["10.64.0.0/23"], ["10.64.2.0/24", "fd77::/64"]),
        (["10.64.2.0/24", "10.64.0.9/32"], ["10.64.1.0/24", "fd77::/64"]),
        (["10.64.1.0/24", "10.64.0.0/23"], ["10.64.2.0/24", "fd77::/64"]),
        (["fd77::/63", "fd77::1/128"], ["10.64.0.0/24", "fd77:0:0:2::/64"]),
        (["fe80::/64", "ff00::/8", "203.0.113.0/24"], ["10.64.0.0/24", "fd77::/64"]),
    ],
)
def test_subnets_of_the_hosts_addresses_and_routes_are_not_chosen(
    small: World, taken: list[str], cidrs: list[str]
) -> None:
    small.host.routes = [ip_network(each) for each in taken]
    assert automatic(small, "web") == cidrs
    assert small.create_subnet("").cidr > cidrs[0]


def test_a_named_subnet_may_overlap_the_hosts_routes(small: World) -> None:
    small.host.routes = [ip_network("10.64.0.0/22")]
    assert automatic(small, "web", "10.64.0.0/24") == ["10.64.0.0/24"]


def test_the_hosts_routes_are_not_read_where_every_subnet_is_named(
    small: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(type(small.host), "occupied_subnets")
    small.network("web", "10.1.0.0/24")
    assert refusal(small.net.CreateNetwork, create("auto", subnets=[])).reason == "INTERNAL"


RESOLV_CONF = """
# nameserver 10.64.3.1
search 10.64.2.1
options ndots:2
nameserver
nameserver fd77::53%eth0
 nameserver\t10.64.1.1 # comment
nameserver 10.64.0.1
nameserver banana
nameserver fe80::1%eth0
"""


@pytest.mark.parametrize(
    ("lines", "cidrs"),
    [
        ("nameserver 10.64.0.53", ["10.64.1.0/24", "fd77::/64"]),
        (RESOLV_CONF, ["10.64.2.0/24", "fd77:0:0:1::/64"]),
        ("", ["10.64.0.0/24", "fd77::/64"]),
    ],
    ids=["one", "many", "none"],
)
def test_subnets_of_the_hosts_nameservers_are_not_chosen(
    small: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: str, cidrs: list[str]
) -> None:
    (tmp_path / "resolv.conf").write_text(lines)
    monkeypatch.setattr(host, "_RESOLV_CONF", tmp_path / "resolv.conf")
    assert automatic(small, "web") == cidrs


def test_an_unreadable_or_missing_resolv_conf_does_not_prevent_a_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "resolv.conf"
    monkeypatch.setattr(host, "_RESOLV_CONF", path)
    assert host.nameservers() == []
    path.write_bytes(b"\xff\xfe nameserver 1.1.1.1\nnameserver 10.64.0.53\n")
    assert host.nameservers() == [ip_network("10.64.0.53/32")]


# --- the end of the pools ---------------------------------------------------------------------


def test_a_deleted_subnet_is_the_last_to_be_chosen_again(small: World) -> None:
    assert automatic(small, "one")[0] == "10.64.0.0/24"
    small.delete("one")
    given = [automatic(small, f"n{number}")[0] for number in range(4)]
    assert given == ["10.64.1.0/24", "10.64.2.0/24", "10.64.3.0/24", "10.64.0.0/24"]


def test_exhausted_pools_are_an_error_that_changes_nothing(small: World) -> None:
    for number in range(4):
        automatic(small, f"n{number}")
    before = small.state()
    for asked in ([], [{"cidr": "0.0.0.0/30"}], [{"cidr": "10.1.0.0/24"}, {"cidr": "::/70"}]):
        refused = refusal(small.net.CreateNetwork, create("new", subnets=asked))
        assert refused.short == ("RESOURCE_EXHAUSTED", "POOLS_EXHAUSTED")
        assert refused.kinds == {"QuotaFailure"}
    assert refusal(small.ipam.CreateSubnet, create_subnet("")).reason == "POOLS_EXHAUSTED"
    assert small.state() == before
    small.delete("n2")
    assert automatic(small, "new") == ["10.64.2.0/24", "fd77:0:0:2::/64"]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("0.0.0.0/21", "no IPv4 /21 is free in the default pools (10.64.0.0/22 in /24)"),
        ("::/61", "no IPv6 /61 is free in the default pools (fd77::/62 in /64)"),
    ],
)
def test_a_subnet_that_is_larger_than_its_pool_is_refused(
    small: World, spec: str, said: str
) -> None:
    before = small.state()
    refused = refusal(small.ipam.CreateSubnet, create_subnet(spec))
    assert refused.short == ("RESOURCE_EXHAUSTED", "POOLS_EXHAUSTED")
    assert said in refused.message
    assert small.state() == before


def test_a_family_without_a_pool_is_an_error(make_world: Callable[..., World]) -> None:
    world = make_world(defaults=Defaults(SMALL[:1]))
    refused = refusal(world.ipam.CreateSubnet, create_subnet("::/64"))
    assert refused.short == ("RESOURCE_EXHAUSTED", "POOLS_EXHAUSTED")
    assert "(none)" in refused.message
    world.close()
    empty = make_world(defaults=Defaults())
    refused = refusal(empty.net.CreateNetwork, create("web", subnets=[]))
    assert refused.short == ("RESOURCE_EXHAUSTED", "POOLS_EXHAUSTED")
    assert empty.networks() == []


def test_the_second_pool_is_used_when_the_first_is_full(
    make_world: Callable[..., World],
) -> None:
    pools = [AddressPool(ip_network(f"10.{n}.0.0/24"), 25) for n in (9, 7)]
    world = make_world(defaults=Defaults(pools))
    given = [world.create_subnet("").cidr for _ in range(4)]
    assert given == ["10.9.0.0/25", "10.9.0.128/25", "10.7.0.0/25", "10.7.0.128/25"]
    world.delete_subnet("10.9.0.0/25")
    assert world.create_subnet("").cidr == "10.9.0.0/25"


def test_a_choice_continues_after_a_restart(
    make_world: Callable[..., World],
) -> None:
    first = make_world(defaults=Defaults(SMALL))
    first.create_subnet("")
    first.delete_subnet("10.64.0.0/24")
    first.close()
    assert make_world(defaults=Defaults(SMALL)).create_subnet("").cidr == "10.64.1.0/24"


# --- IPv6 where the devices are too small for it ----------------------------------------------


def test_a_network_with_an_mtu_too_small_for_ipv6_gets_no_ipv6_subnet(world: World) -> None:
    assert automatic(world, "web", mtu=1279) == ["10.192.0.0/24"]
    assert automatic(world, "api", mtu=1280) == ["10.192.1.0/24", "fd77::/64"]
    world.host.mtu = 1000
    assert automatic(world, "lan") == ["10.192.2.0/24"]
    request = network_pb2.GetNetworkRequest(network="lan")
    assert world.net.GetNetwork(request).network.mtu == 1000


def test_a_named_ipv6_subnet_is_refused_with_an_mtu_too_small(world: World) -> None:
    for spec in ("::/64", "fd00:1::/64"):
        refused = refusal(world.net.CreateNetwork, create("web", spec, mtu=1279))
        assert refused.faults == ["network.mtu"]
