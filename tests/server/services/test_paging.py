"""Pages of the four lists: sizes, tokens, and what comes and goes between two pages."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mynet.server.services.answers import LARGEST_BYTES
from mynet.v1 import ipam_pb2, network_pb2
from tests.server.support.world import World

ITEMS = 5


class Pages:
    """One of the lists, by the texts that its items are known by."""

    def __init__(self, world: World, verb: str, items: str, name: str) -> None:
        stub, module = (
            (world.ipam, ipam_pb2) if hasattr(world.ipam, verb) else (world.net, network_pb2)
        )
        self._call: Callable[[Any], Any] = getattr(stub, verb)
        self._request: Callable[..., Any] = getattr(module, f"{verb}Request")
        self._items, self._name = items, name

    def page(self, size: int = 0, token: str = "", **fields: Any) -> tuple[list[str], str]:
        answer = self._call(self._request(page_size=size, page_token=token, **fields))
        return [getattr(item, self._name) for item in getattr(answer, self._items)], (
            answer.next_page_token
        )

    def every(self, size: int, **fields: Any) -> Iterator[list[str]]:
        names, token = self.page(size, **fields)
        yield names
        while token:
            names, token = self.page(size, token, **fields)
            yield names


LISTS = {
    "networks": ("ListNetworks", "networks", "name"),
    "endpoints": ("ListEndpoints", "endpoints", "container_id"),
    "subnets": ("ListSubnets", "subnets", "cidr"),
    "allocations": ("ListAllocations", "allocations", "address"),
}


def fill(world: World, what: str, numbers: range) -> list[str]:
    """Make what the list lists; return the texts that it is known by, in the list's order."""
    if what == "networks":
        return [world.network(f"n{n}", f"10.{n}.0.0/24", ipam="spare").name for n in numbers]
    if what == "endpoints":
        return [world.connect(f"c{n}").container_id for n in numbers]
    if what == "subnets":
        return [world.allocate(f"10.{n}.0.0/24").subnet for n in numbers]
    return [world.allocate("10.9.0.0/24", address=f"10.9.0.{n}").address for n in numbers]


@pytest.fixture(params=LISTS)
def what(request: pytest.FixtureRequest, world: World) -> str:
    name: str = request.param
    if name == "endpoints":
        world.network(ipam="spare")
    return name


@pytest.fixture
def pages(world: World, what: str) -> Pages:
    return Pages(world, *LISTS[what])


def test_an_empty_list_is_one_empty_page(pages: Pages) -> None:
    assert pages.page() == ([], "")


@pytest.mark.parametrize(
    ("size", "lengths"),
    [(0, [5]), (1, [1, 1, 1, 1, 1]), (2, [2, 2, 1]), (5, [5]), (6, [5]), (2**31 - 1, [5])],
)
def test_pages_have_the_size_asked_for_and_the_last_has_no_token(
    world: World, what: str, pages: Pages, size: int, lengths: list[int]
) -> None:
    names = fill(world, what, range(10, 10 + ITEMS))
    found = list(pages.every(size))
    assert [len(page) for page in found] == lengths
    assert [name for page in found for name in page] == names


def test_an_item_deleted_between_two_pages_hides_no_other(
    world: World, what: str, pages: Pages
) -> None:
    names = fill(world, what, range(10, 10 + ITEMS))
    first, token = pages.page(2)
    remove(world, what, first[-1])
    remove(world, what, names[2])
    second, token = pages.page(2, token)
    assert (first, second, token) == (names[:2], names[3:], "")


def test_an_item_added_between_two_pages_is_listed_if_it_comes_later(
    world: World, what: str, pages: Pages
) -> None:
    names = fill(world, what, range(10, 10 + ITEMS))
    _, token = pages.page(ITEMS - 1)
    late = fill(world, what, range(20, 21))
    assert pages.page(ITEMS, token) == ([names[-1], *late], "")


def test_a_page_may_be_asked_for_again(world: World, what: str, pages: Pages) -> None:
    fill(world, what, range(10, 10 + ITEMS))
    _, token = pages.page(2)
    assert pages.page(2, token) == pages.page(2, token)


def remove(world: World, what: str, name: str) -> None:
    if what == "networks":
        world.delete(name)
    elif what == "endpoints":
        world.disconnect(name)
    elif what == "subnets":
        world.release(name, name.replace("0/24", "1"))
    else:
        world.release("10.9.0.0/24", name)


@pytest.mark.parametrize("verb", ["networks", "endpoints"])
def test_pages_count_selected_items_alone(world: World, verb: str) -> None:
    for number in range(6):
        labels = {"odd": str(number % 2)}
        world.network(f"n{number}", f"10.{number}.0.0/24", labels=labels)
        world.connect(f"c{number}", network=f"n{number}", labels=labels)
    pages = Pages(world, *LISTS[verb])
    found = [[name[1:] for name in page] for page in pages.every(2, labels={"odd": "1"})]
    assert found == [["1", "3"], ["5"]]


def test_allocations_of_several_backends_are_one_list(world: World) -> None:
    for name, ipam in (("a", "bitmap"), ("b", "spare"), ("c", "bitmap")):
        world.network(name, f"10.{ord(name)}.0.0/24", ipam=ipam)
        world.connect("c1", network=name)
    pages = Pages(world, *LISTS["allocations"])
    expected = [f"10.{net}.0.{host}" for net in (97, 99, 98) for host in (1, 2)]
    for size in range(1, 7):
        assert [name for page in pages.every(size) for name in page] == expected


def test_a_page_has_100_items_by_default_and_1000_at_most(world: World) -> None:
    world.allocate_batch("10.9.0.0/16", count=1002)
    pages = Pages(world, *LISTS["allocations"])
    assert [len(page) for page in pages.every(1001)] == [1000, 2]
    assert len(pages.page()[0]) == 100


def test_a_page_ends_before_its_messages_become_too_large(world: World) -> None:
    labels = {str(number): "x" * 4096 for number in range(64)}
    for number in range(10):
        world.network(f"n{number}", f"10.{number}.0.0/24", labels=labels)
    pages, token = [], ""
    while True:
        request = network_pb2.ListNetworksRequest(page_token=token)
        answer = world.net.ListNetworks(request)
        assert answer.ByteSize() <= LARGEST_BYTES + 1000
        pages.append([network.name for network in answer.networks])
        token = answer.next_page_token
        if not token:
            break
    assert len(pages) == 2
    assert [*pages[0], *pages[1]] == [f"n{number}" for number in range(10)]
