"""A sandbox may have as much inside as it likes: mynetd reads a bounded part of it."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from mynet.drivers.api import Endpoint
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.errors import KernelError
from mynet.drivers.linux.kernel import LinuxKernel
from mynet.drivers.testing import SampleCall
from tests.drivers.linux.support.namespaces import Namespace

CALL = SampleCall()
MANY, TOO_MANY = 10_000, 3_000
# How much more a look at a crowded sandbox may cost. Reading all of it cost 20 to 300 times more.
MARGIN = 20


def routes(version: int, device: str, protocol: str) -> Iterator[str]:
    for number in range(MANY):
        high, low = divmod(number, 256)
        to = f"100.64.{high}.{low}" if version == 4 else f"fd99::{number:x}"
        yield f"route add {to} dev {device} proto {protocol}"


def addresses() -> Iterator[str]:
    for number in range(TOO_MANY):
        yield f"addr add 100.64.{number >> 8}.{number & 255}/32 dev check1"


def links() -> Iterator[str]:
    return (f"link add other{number} type bridge" for number in range(500))


def fill(box: Namespace, lines: Iterator[str]) -> None:
    text = "\n".join(lines)
    box.run("ip", "-6" if "fd99::" in text else "-4", "-batch", "-", text=text)


def cost(doing: Callable[[], object]) -> float:
    """Return the CPU time of the cheapest of some calls, in seconds."""

    def once() -> float:
        start = time.thread_time()
        doing()
        return time.thread_time() - start

    return min(once() for _ in range(5))


@pytest.mark.parametrize(
    ("crowd", "what"),
    [
        (lambda: routes(4, "check1", "static"), "IPv4 routes"),
        (lambda: routes(6, "check1", "static"), "IPv6 routes"),
        (lambda: routes(4, "check1", "kernel"), "routes of addresses"),
        (addresses, "addresses"),
    ],
    ids=["IPv4 routes", "IPv6 routes", "routes as if of the kernel", "addresses"],
)
def test_more_than_is_read_costs_a_bounded_time_and_is_said(
    box: Namespace,
    driver: BridgeDriver,
    endpoint: Endpoint,
    crowd: Callable[[], Iterator[str]],
    what: str,
) -> None:
    def repair() -> None:
        with suppress(KernelError):
            driver.connect(CALL, endpoint)

    driver.connect(CALL, endpoint)
    before = cost(lambda: driver.check(CALL, endpoint)) + cost(repair)
    fill(box, crowd())
    after = cost(lambda: driver.check(CALL, endpoint)) + cost(repair)
    assert after < MARGIN * before
    (difference,) = driver.check(CALL, endpoint)
    assert difference.startswith("Addresses and routes of check1 were not compared")
    assert what.rsplit(maxsplit=1)[-1] in difference


@pytest.mark.parametrize(
    "crowd",
    [
        lambda: routes(4, "check1", "bgp"),
        lambda: routes(6, "check1", "bgp"),
        lambda: routes(4, "lo", "static"),
        links,
    ],
    ids=["a router's IPv4 routes", "a router's IPv6 routes", "routes over another link", "links"],
)
def test_what_is_not_the_endpoints_costs_little_and_is_no_difference(
    box: Namespace,
    driver: BridgeDriver,
    endpoint: Endpoint,
    crowd: Callable[[], Iterator[str]],
) -> None:
    driver.connect(CALL, endpoint)
    before = cost(lambda: driver.check(CALL, endpoint))
    fill(box, crowd())
    assert cost(lambda: driver.check(CALL, endpoint)) < MARGIN * before
    driver.connect(CALL, endpoint)
    assert driver.check(CALL, endpoint) == []


def test_the_damage_outside_is_named_and_repaired_nevertheless(
    host: Namespace, box: Namespace, driver: BridgeDriver, endpoint: Endpoint
) -> None:
    driver.connect(CALL, endpoint)
    fill(box, addresses())
    host.run("ip", "link", "set", endpoint.host_interface, "down")
    assert f"{endpoint.host_interface} is down." in driver.check(CALL, endpoint)
    with pytest.raises(KernelError, match="more than 1,024"):
        driver.connect(CALL, endpoint)
    link = host.link(endpoint.host_interface)
    assert link
    assert "UP" in link["flags"]


def test_a_name_is_chosen_without_listing_links(box: Namespace, kernel: LinuxKernel) -> None:
    sandbox = box.sandbox

    def choose() -> None:
        assert kernel.sandboxes.free_name(sandbox, ("lo", "eth0")) == "eth0"

    before = cost(choose)
    fill(box, links())
    assert cost(choose) < MARGIN * before
