"""ImportSubnets from each of the formats."""

from collections.abc import Iterator

import pytest
from google.protobuf.duration_pb2 import Duration

from mynet.v1 import ipam_pb2
from tests.server.support.samples.documents import (
    HOST_LOCAL,
    MYNET,
    TUTORIAL,
    export,
    holding,
    load,
    mynet,
    subnet,
)
from tests.server.support.world import World

NINE = "10.9.0.0/24"


def held(world: World) -> list[ipam_pb2.Allocation]:
    request = ipam_pb2.ListAllocationsRequest(page_size=1000)
    return list(world.ipam.ListAllocations(request).allocations)


def test_mynets_own_document_imports_rules_and_allocations(world: World) -> None:
    document = mynet(
        subnet(
            NINE,
            holding("10.9.0.200", "vm-7", sticky_key="web/db", labels={"rack": "b7"}),
            holding("10.9.0.7"),
            range={"first": "10.9.0.128", "last": "10.9.0.255"},
            reserved=[{"first": "10.9.0.1", "last": "10.9.0.3"}],
            cooldown=1.5,
            retention=0,
            kept=True,
        ),
        subnet("fd00:9::/64", kept=True),
    )
    assert load(world, MYNET, document) == [(NINE, 2), ("fd00:9::/64", 0)]
    made = world.subnet()
    assert (made.range, list(made.reserved)) == ("10.9.0.128/25", ["10.9.0.1-10.9.0.3"])
    assert (made.cooldown.ToMilliseconds(), made.retention.ToSeconds()) == (1500, 0)
    assert (made.usage.allocated, made.usage.reserved) == (2, 126)
    nameless, named = held(world)
    assert (nameless.address, nameless.owner) == ("10.9.0.7", "")
    assert (named.address, named.owner, named.sticky_key) == ("10.9.0.200", "vm-7", "web/db")
    assert dict(named.labels) == {"rack": "b7"}
    assert (named.instance, named.create_time.ToSeconds() > 0) == ("test", True)
    assert world.allocate(owner="vm-7") == named
    assert world.allocate().address == "10.9.0.128"


def test_a_kept_subnet_stays_and_another_goes_with_its_last_address(world: World) -> None:
    kept = subnet("10.8.0.0/24", holding("10.8.0.1", "vm-7"), kept=True)
    founded = subnet(NINE, holding("10.9.0.1", "vm-7"))
    load(world, MYNET, mynet(kept, founded))
    world.release_owner("vm-7")
    assert world.subnets() == ["10.8.0.0/24"]


def test_the_tutorials_file_is_one_bit_an_address(world: World) -> None:
    document = {NINE: "1101" + "0" * 252, "10.8.0.7/29": "000001"}
    assert load(world, TUTORIAL, document) == [(NINE, 3), ("10.8.0.0/29", 1)]
    assert world.held() == dict.fromkeys(("10.9.0.1", "10.9.0.2", "10.9.0.4", "10.8.0.6"), "")
    assert world.allocate().address == "10.9.0.3"


def test_the_folder_of_host_local_has_the_owner_of_each_address(world: World) -> None:
    document = {
        "subnets": [NINE, "fd00:9::/64"],
        "files": {
            "10.9.0.2": "4b1c0ffee\r\neth0",
            "10.9.0.3": "old",
            "fd00:9::2": "4b1c0ffee\r\neth0",
            "last_reserved_ip.0": "10.9.0.3",
            "last_reserved_ip.1": "fd00:9::2",
            "lock": "",
        },
    }
    assert load(world, HOST_LOCAL, document) == [(NINE, 2), ("fd00:9::/64", 1)]
    assert world.held() == {
        "10.9.0.2": "4b1c0ffee/eth0",
        "10.9.0.3": "old",
        "fd00:9::2": "4b1c0ffee/eth0",
    }


@pytest.mark.parametrize(
    "text",
    [
        "4b1c0ffee\r\neth0",
        "4b1c0ffee\neth0",
        "4b1c0ffee\r\neth0\r\n",
        "4b1c0ffee\neth0\n",
        " 4b1c0ffee \r\n eth0 ",
        "\n4b1c0ffee\n\teth0\n\n",
    ],
    ids=repr,
)
def test_a_file_of_host_local_is_read_without_white_space_around_its_lines(
    world: World, text: str
) -> None:
    files = {"10.9.0.2": text, "last_reserved_ip": "10.9.0.2", "lock": ""}
    assert load(world, HOST_LOCAL, {"subnets": [NINE], "files": files}) == [(NINE, 1)]
    assert world.held() == {"10.9.0.2": "4b1c0ffee/eth0"}


@pytest.mark.parametrize(
    ("kind", "document"),
    [(MYNET, mynet()), (TUTORIAL, {}), (HOST_LOCAL, {"subnets": [], "files": {"lock": ""}})],
)
def test_an_empty_document_imports_nothing(world: World, kind: int, document: object) -> None:
    before = world.state()
    assert load(world, kind, document) == []
    assert world.state() == before


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        (MYNET, mynet(subnet(NINE))),
        (TUTORIAL, {NINE: ""}),
        (TUTORIAL, {NINE: "0" * 256}),
        (HOST_LOCAL, {"subnets": [NINE], "files": {}}),
    ],
)
def test_a_subnet_that_is_not_kept_and_has_no_address_does_not_stay(
    world: World, kind: int, document: object
) -> None:
    before = world.state()
    assert load(world, kind, document) == [(NINE, 0)]
    assert world.state() == before


def test_another_backend_may_keep_what_is_imported(world: World) -> None:
    load(world, TUTORIAL, {NINE: "1"}, backend="spare")
    assert world.subnet().backend == "spare"
    assert world.spare.held() == {"10.9.0.1": ""}
    load(world, MYNET, mynet(subnet("10.8.0.0/24", kept=True, backend="elsewhere")))
    assert world.subnet("10.8.0.0/24").backend == "bitmap"


# --- there and back ---------------------------------------------------------------------------

OWNERS = ["", "vm-7", "a/b/c", "/", "a/", "/a", "my vm", "röt", "x" * 255]


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Another daemon, on another host."""
    made = World(tmp_path_factory.mktemp("e"))
    yield made
    made.close()


@pytest.mark.parametrize("kind", [MYNET, TUTORIAL, HOST_LOCAL])
def test_what_was_exported_comes_back_as_it_was(world: World, elsewhere: World, kind: int) -> None:
    world.create_subnet("10.8.0.0/24", reserved=["10.8.0.1"], cooldown=Duration(seconds=5))
    for number, owner in enumerate(OWNERS):
        world.allocate(NINE, owner=owner, sticky_key=f"key {number}", labels={"n": str(number)})
        world.allocate("10.8.0.0/24", owner=owner)
    world.create_subnet("10.7.0.0/24")
    document = export(world, kind)
    load(elsewhere, kind, document)
    there = world.held()
    assert elsewhere.held() == (dict.fromkeys(there, "") if kind == TUTORIAL else there)
    if kind == MYNET:
        assert export(elsewhere, kind) == document
        assert elsewhere.subnet("10.8.0.0/24").reserved == ["10.8.0.1"]
        assert elsewhere.subnets() == ["10.7.0.0/24", "10.8.0.0/24", NINE]


@pytest.mark.parametrize("kind", [MYNET, TUTORIAL, HOST_LOCAL])
def test_importing_twice_is_importing_once(world: World, elsewhere: World, kind: int) -> None:
    world.allocate_batch(owners=["", "", *OWNERS])
    document = export(world, kind)
    first = load(elsewhere, kind, document)
    before = elsewhere.state()
    assert load(elsewhere, kind, document) == first
    assert elsewhere.state() == before


def test_importing_ones_own_export_changes_nothing(world: World) -> None:
    world.network("web", "10.1.0.0/24")
    world.connect("c1")
    world.allocate("10.1.0.0/24", owner="vm-7")
    world.create_subnet("10.8.0.0/24")
    before = world.state()
    load(world, MYNET, export(world, MYNET))
    assert world.state() == before


# --- into what is there -----------------------------------------------------------------------


def test_an_existing_subnet_gets_missing_allocations_and_keeps_its_rules(world: World) -> None:
    before = world.create_subnet(reserved=["10.9.0.99"], cooldown=Duration(seconds=9))
    world.allocate(owner="vm-1", address="10.9.0.1", labels={"a": "b"})
    first = held(world)[0]
    document = mynet(
        subnet(
            NINE,
            *(holding("10.9.0.1", "vm-1"), holding("10.9.0.2", "vm-2")),
            reserved=[{"first": "10.9.0.50", "last": "10.9.0.60"}],
            cooldown=1.0,
        )
    )
    assert load(world, MYNET, document) == [(NINE, 2)]
    made = world.subnet()
    assert (made.reserved, made.cooldown) == (before.reserved, before.cooldown)
    assert world.held() == {"10.9.0.1": "vm-1", "10.9.0.2": "vm-2"}
    assert held(world)[0] == first
    world.release_owner("vm-1")
    world.release_owner("vm-2")
    assert world.subnets() == [NINE]


def test_a_subnet_is_kept_after_an_import_that_keeps_it(world: World) -> None:
    world.allocate(owner="vm-7")
    load(world, MYNET, mynet(subnet(NINE, kept=True)))
    world.release_owner("vm-7")
    assert world.subnets() == [NINE]


def test_addresses_are_imported_into_the_subnet_of_a_network(world: World) -> None:
    world.network("web", "10.1.0.0/24")
    load(world, TUTORIAL, {"10.1.0.0/24": "0" * 8 + "1"})
    assert world.held()["10.1.0.9"] == ""
    world.delete()
    assert world.subnets() == ["10.1.0.0/24"]


def test_an_address_in_cooldown_can_be_imported(world: World) -> None:
    world.create_subnet(cooldown=Duration(seconds=60))
    world.release(NINE, world.allocate().address)
    load(world, TUTORIAL, {NINE: "1"})
    assert world.subnet().usage.cooling == 0
    assert world.held() == {"10.9.0.1": ""}


# --- only to check ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        (MYNET, mynet(subnet(NINE, holding("10.9.0.1", "vm-1"), kept=True))),
        (TUTORIAL, {NINE: "11", "10.7.0.0/24": "1"}),
        (HOST_LOCAL, {"subnets": [NINE], "files": {"10.9.0.1": "vm-1"}}),
    ],
)
def test_validate_only_answers_as_an_import_and_changes_nothing(
    world: World, kind: int, document: object
) -> None:
    world.allocate("10.8.0.0/24")
    before = world.state()
    told = load(world, kind, document, validate_only=True)
    assert world.state() == before
    assert load(world, kind, document) == told
