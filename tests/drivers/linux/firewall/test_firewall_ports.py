"""Published ports: adding elements leads to the same table as loading it."""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from ipaddress import ip_address
from unittest.mock import Mock

import pytest

from mynet.drivers.api import PortProtocol
from mynet.drivers.errors import KernelError
from mynet.drivers.linux.firewall.firewall import Firewall
from mynet.drivers.linux.firewall.flows import conntrack
from mynet.drivers.linux.firewall.tables.set_elements import commit
from mynet.drivers.linux.values.endpoint_rules import EndpointRules
from mynet.drivers.linux.values.ports import Forward
from tests.drivers.linux.support.namespaces import Namespace, playing_host
from tests.drivers.linux.support.rulesets import PORTS, WEB, forward

INSTANCE = "7f3a"
PUB4 = "inet mynet pub4"
OTHER = EndpointRules(
    "other", [forward("", 1, "10.2.0.2", 1), forward("", 2, "fd02::2", 2, count=9)]
)
CASES = {
    **{name: forwards for name, (forwards, _) in PORTS.items()},
    "neighbouring ranges": [
        forward("", 9000, "10.1.0.2", 9000, count=10),
        forward("", 9010, "10.1.0.2", 9010, count=10),
    ],
    "the first port and the last": [
        forward("", 1, "10.1.0.2", 1, count=3),
        forward("", 65534, "10.1.0.2", 65534, count=2),
        forward("127.0.0.1", 65535, "10.1.0.2", 65535),
    ],
    "all of them": [
        forward("", 1, "10.1.0.2", 1, count=65535, protocol=protocol) for protocol in PortProtocol
    ],
    "a thousand": [forward("", 20000, "fd00:1::2", 1, count=1024)],
    "none": [],
}
each_case = pytest.mark.parametrize("forwards", CASES.values(), ids=CASES.keys())


@pytest.fixture(scope="module")
def host() -> Iterator[Namespace]:
    """One namespace for all tests, each of which begins by loading the table."""
    with playing_host() as namespace:
        yield namespace


@pytest.fixture
def firewall(host: Namespace) -> Firewall:
    """A firewall with a network and another endpoint's ports."""
    assert host
    made = Firewall()
    made.load(INSTANCE, [WEB], [OTHER])
    return made


@each_case
def test_publishing_leads_to_the_table_that_loading_makes(
    host: Namespace, firewall: Firewall, forwards: list[Forward]
) -> None:
    ports = EndpointRules("web", forwards)
    firewall.add_endpoint(INSTANCE, ports)
    firewall.add_endpoint(INSTANCE, ports)
    by_element = sorted(host.table().split())
    firewall.load(INSTANCE, [WEB], [OTHER, ports])
    assert by_element == sorted(host.table().split())


@each_case
@pytest.mark.parametrize("loaded", [True, False], ids=["loaded", "published"])
def test_unpublishing_leaves_no_trace(
    host: Namespace, firewall: Firewall, forwards: list[Forward], *, loaded: bool
) -> None:
    before = host.table()
    ports = EndpointRules("web", forwards)
    if loaded:
        firewall.load(INSTANCE, [WEB], [OTHER, ports])
    else:
        firewall.add_endpoint(INSTANCE, ports)
    assert (host.table() != before) == bool(forwards)
    firewall.remove_endpoint(ports)
    firewall.remove_endpoint(ports)
    assert host.table() == before


@each_case
def test_ports_are_missing_before_publish_and_after_a_flush(
    host: Namespace, firewall: Firewall, forwards: list[Forward]
) -> None:
    ports = EndpointRules("web", forwards)
    assert firewall.missing_forwards(ports) == forwards
    firewall.add_endpoint(INSTANCE, ports)
    assert firewall.missing_forwards(ports) == []
    host.run("nft", "flush", "ruleset")
    assert firewall.missing_forwards(ports) == forwards


@pytest.mark.parametrize(
    ("changed", "standing"),
    [
        (forward("", 8080, "10.1.0.3", 80), forward("", 8080, "10.1.0.2", 80)),
        (forward("", 8080, "10.1.0.2", 81), forward("", 8080, "10.1.0.2", 80)),
        (forward("", 90, "10.1.0.2", 90, count=4), forward("", 90, "10.1.0.2", 90, count=3)),
        (forward("", 90, "10.1.0.2", 90, count=3), forward("", 89, "10.1.0.2", 89, count=4)),
        (forward("", 90, "10.1.0.3", 90, count=3), forward("", 90, "10.1.0.2", 90, count=3)),
        (
            forward("127.0.0.1", 90, "10.1.0.2", 90, count=4),
            forward("127.0.0.1", 90, "10.1.0.2", 90, count=3),
        ),
    ],
    ids=str,
)
def test_a_port_that_leads_elsewhere_is_missing(
    firewall: Firewall, changed: Forward, standing: Forward
) -> None:
    firewall.add_endpoint(INSTANCE, EndpointRules("web", [standing]))
    assert firewall.missing_forwards(EndpointRules("web", [changed])) == [changed]


def test_other_ports_replace_earlier_ones(host: Namespace, firewall: Firewall) -> None:
    first = [forward("", 8080, "10.1.0.2", 80), forward("", 90, "10.1.0.2", 90, count=9)]
    then = [forward("", 8080, "10.1.0.2", 81), forward("", 95, "10.1.0.2", 95, count=9)]
    firewall.add_endpoint(INSTANCE, EndpointRules("web", first))
    firewall.add_endpoint(INSTANCE, EndpointRules("web", then))
    changed = host.table()
    firewall.load(INSTANCE, [WEB], [OTHER, EndpointRules("web", then)])
    assert changed == host.table()


def test_flows_to_ports_that_led_elsewhere_are_forgotten(
    host: Namespace, firewall: Firewall, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten: set[Forward] = set()

    def published(*forwards: Forward) -> set[Forward]:
        forgotten.clear()
        firewall.add_endpoint(INSTANCE, EndpointRules("web", forwards))
        return set(forgotten)

    monkeypatch.setattr(conntrack, "forget", forgotten.update)
    a, b, c = (forward("", number, "10.1.0.2", 80) for number in (1001, 1002, 1003))
    steps: Sequence[tuple[list[Forward], set[Forward]]] = [
        ([a], {a}),
        ([a], set()),
        ([a, b], {b}),
        ([b, c], {a, c}),
        ([b], {c}),
        ([], {b}),
        ([], set()),
        ([b], {b}),
    ]
    for forwards, changed in steps:
        assert published(*forwards) == changed
    host.run("nft", "flush", "map", *PUB4.split())
    assert published(b, c) == {b, c}
    assert published(b, c) == set()


def test_a_port_of_another_endpoint_is_not_taken_from_it(
    host: Namespace, firewall: Firewall
) -> None:
    before = host.table()
    thief = replace(OTHER.forwards[0], target=ip_address("10.1.0.2"))
    stolen = EndpointRules("web", [forward("", 77, "10.1.0.2", 1), thief])
    with pytest.raises(KernelError, match="refused to load tables inet mynet and bridge mynet"):
        firewall.add_endpoint(INSTANCE, stolen)
    assert host.table() == before
    firewall.remove_endpoint(stolen)  # as the daemon does after a failure
    assert host.table() == before
    host.run("nft", "flush", "ruleset")
    firewall.add_endpoint(INSTANCE, OTHER)
    assert host.table() == before


def test_an_endpoint_of_an_earlier_daemon_is_unpublished(
    host: Namespace, firewall: Firewall
) -> None:
    empty = Firewall()
    firewall.load(INSTANCE, [WEB])
    before = host.table()
    for forwards in CASES.values():
        firewall.add_endpoint(INSTANCE, EndpointRules("web", forwards))
        empty.remove_endpoint(EndpointRules("web", forwards))
        assert host.table() == before


@pytest.mark.parametrize(
    "damage",
    [
        "flush ruleset",
        "flush map inet mynet pub4",
        "delete element inet mynet pubr_tcp6 { 2-10 }",
        f"flush map {PUB4}; add element {PUB4} {{ tcp . 8080 : 10.9.9.9 . 9 }}",
    ],
)
def test_publish_repairs_what_another_program_has_damaged(
    host: Namespace, firewall: Firewall, damage: str
) -> None:
    ports = EndpointRules("web", [forward("", 8080, "10.1.0.2", 80)])
    firewall.add_endpoint(INSTANCE, ports)
    whole = host.table()
    host.run("nft", damage)
    firewall.add_endpoint(INSTANCE, OTHER)
    firewall.add_endpoint(INSTANCE, ports)
    assert host.table() == whole


def test_unpublishing_missing_ports_is_success(host: Namespace, firewall: Firewall) -> None:
    host.run("nft", "flush map inet mynet pub4")
    many = EndpointRules("many", [forward("", 20000, "fd00:1::2", 1, count=1024)])
    firewall.remove_endpoint(many)  # the kernel refuses each of them
    firewall.remove_endpoint(OTHER)
    host.run("nft", "flush", "ruleset")
    firewall.remove_endpoint(OTHER)
    assert host.table() == ""


def unpublish_together(firewall: Firewall, endpoints: Sequence[EndpointRules]) -> list[KernelError]:
    """Unpublish endpoints in a thread each while the table is in use, and return the errors."""
    errors: list[KernelError] = []

    def unpublish(forwards: EndpointRules) -> None:
        try:
            firewall.remove_endpoint(forwards)
        except KernelError as error:
            errors.append(error)

    threads = [threading.Thread(target=unpublish, args=(forwards,)) for forwards in endpoints]
    with firewall._lock:
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 60
        while len(firewall._removals._next.items) < len(threads):
            assert time.monotonic() < deadline
    for thread in threads:
        thread.join()
    return errors


def many_endpoints() -> list[EndpointRules]:
    return [
        EndpointRules(f"e{n}", [forward("", 9000 + n, f"10.1.0.{100 + n}", 80)]) for n in range(16)
    ]


def test_ports_that_change_together_take_one_transaction(firewall: Firewall) -> None:
    before = firewall._tables.generation()
    steps = (["one", "a range with other numbers"], ["at one address", "a thousand"], ["none"])
    for number, cases in enumerate(steps, 1):
        forwards = [each for case in cases for each in CASES[case]]
        firewall.add_endpoint(INSTANCE, EndpointRules("web", forwards))
        assert firewall._tables.generation() == before + number


def test_many_endpoints_are_unpublished_in_one_transaction(
    host: Namespace, firewall: Firewall, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = host.table()
    for forwards in many_endpoints():
        firewall.add_endpoint(INSTANCE, forwards)
    commits = Mock(wraps=commit)
    monkeypatch.setattr("mynet.drivers.linux.firewall.tables.tables.commit", commits)
    assert unpublish_together(firewall, many_endpoints()) == []
    assert commits.call_count == 1
    assert host.table() == before
    firewall.add_endpoint(INSTANCE, many_endpoints()[0])
    firewall.remove_endpoint(many_endpoints()[0])
    assert commits.call_count == 3
    assert host.table() == before


def test_each_of_many_endpoints_is_told_that_unpublishing_failed(
    firewall: Firewall, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = Mock(side_effect=KernelError("no"))
    with monkeypatch.context() as patch:
        patch.setattr("mynet.drivers.linux.firewall.tables.tables.commit", refusals)
        assert len(unpublish_together(firewall, many_endpoints())) == 16
    assert refusals.call_count == 1
    assert unpublish_together(firewall, many_endpoints()) == []
