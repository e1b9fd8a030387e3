"""The healer over the real driver, and a kernel in memory that sends notifications."""

import itertools
import threading
import time
from collections.abc import Callable, Collection, Iterator, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from mynet.drivers.api import Network
from mynet.drivers.errors import KernelError
from mynet.server.calls.call import Call
from mynet.server.reconcile import healer as healer_module
from mynet.server.reconcile import repair_queue
from mynet.server.reconcile.findings import Examination
from mynet.server.reconcile.healer import Healer, examiners, healers
from mynet.v1 import network_pb2
from tests.server.support.faulty.fakes import FakeDriver
from tests.server.support.polling import eventually
from tests.server.support.stack import Stack
from tests.server.support.world import World

LOOPBACK = "br-web drops packets from 127.0.0.1 (route_localnet is 0)."

Log = list[MutableMapping[str, Any]]


@pytest.fixture(autouse=True)
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    """What is logged. Surveys are as rare as if they never were, and no object waits long."""
    monkeypatch.setattr(healer_module, "SURVEY_INTERVAL", 3600.0)
    monkeypatch.setattr(repair_queue, "FIRST_RETRY", 0.05)
    with structlog.testing.capture_logs() as captured:
        yield captured


@pytest.fixture
def stack(folder: Path) -> Iterator[Stack]:
    """A daemon that heals, with network web and containers c1, in a sandbox, and c2, in none."""
    made = Stack(folder)
    made.network("web", "10.1.0.0/24", "fd00:1::/64")
    made.connect("c1", netns_name="c1", ports=[network_pb2.PortMapping(container_port=80)])
    made.connect("c2", interface="loose0")
    (healer,) = healers(made.core.doctor, made.drivers)
    healer.start()
    assert eventually(lambda: made.kernel.control.calls["monitor.watch"] and surveyed(made))
    yield made
    healer.stop()
    assert healer.ended(5)
    made.close()


def surveyed(stack: Stack) -> int:
    return stack.kernel.control.calls["firewall.drifted"]


def said(log: Log, event: str) -> list[tuple[str, str]]:
    """Return the subject and the problem of each log line of an event."""
    lines = [line for line in log if line["event"] == event]
    return [(str(line.get("subject", "")).split(" of ")[-1], line["problem"]) for line in lines]


def in_order(stack: Stack) -> bool:
    """Return whether the doctor finds nothing, except for the endpoint without a sandbox."""
    found = stack.net.Doctor(network_pb2.DoctorRequest()).findings
    return all(each.object.endswith("container c2") for each in found)


def host_end(stack: Stack, container: str = "c1") -> str:
    (name,) = [
        endpoint.host_interface
        for endpoint in stack.endpoints()
        if endpoint.container_id == container
    ]
    return name


def quiet(stack: Stack) -> None:
    """Wait until the healer has nothing to do."""
    before = -1
    while before != (now := sum(stack.kernel.control.calls.values())):
        before = now
        time.sleep(0.3)


def test_without_damage_nothing_is_done(stack: Stack, log: Log) -> None:
    before = stack.state()
    stack.kernel.lose_notifications()
    assert eventually(lambda: surveyed(stack) > 1)
    quiet(stack)
    assert stack.state() == before
    assert not {line["event"] for line in log} & {"healed", "not healed", "found"}


def test_a_deleted_bridge_is_restored_with_its_ports(stack: Stack, log: Log) -> None:
    stack.kernel.delete_link("br-web")
    assert eventually(lambda: len(said(log, "healed")) == 2)
    assert in_order(stack)
    assert said(log, "healed") == [
        ("network web", "The bridge br-web is not there."),
        (
            "container c1",
            f"{host_end(stack)} is in no bridge instead of br-web. {LOOPBACK}",
        ),
    ]
    assert [line["total"] for line in log if line["event"] == "healed"] == [1, 2]
    stack.disconnect("c2")  # which is its caller's to see to


def test_a_deleted_endpoint_is_restored_with_its_addresses(stack: Stack, log: Log) -> None:
    before = stack.state()
    links = stack.kernel.list_links(stack.sandboxes[0])
    stack.kernel.delete_link(host_end(stack))
    assert eventually(lambda: len(stack.kernel.list_links(stack.sandboxes[0])) == len(links))
    assert eventually(lambda: said(log, "healed"))
    new = {"links": (), "firewall": ()}  # the link has another index, which rules begin with
    assert {**stack.state(), **new} == {**before, **new}
    assert all(stack.problems(endpoint.id) == [] for endpoint in stack.endpoints())


def test_the_firewall_and_forwarding_are_restored(stack: Stack, log: Log) -> None:
    before = stack.kernel.firewall.networks, stack.kernel.firewall.endpoints
    stack.kernel.flush_firewall()
    assert eventually(
        lambda: (stack.kernel.firewall.networks, stack.kernel.firewall.endpoints) == before
    )
    assert eventually(lambda: len(said(log, "healed")) == 1)  # not both at once
    stack.kernel.stop_forwarding()
    assert eventually(lambda: stack.kernel.host.forwarding == {4, 6})
    assert eventually(lambda: len(said(log, "healed")) == 2)
    assert {subject for subject, _ in said(log, "healed")} == {"network web"}


@contextmanager
def without_notifications(stack: Stack) -> Iterator[None]:
    """Suppress the kernel's notifications."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stack.kernel.monitor, "notify", lambda *_: None)
        yield


def test_surveys_are_made_without_alarms(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(healer_module, "SURVEY_INTERVAL", 0.05)
    stack = Stack(folder)
    stack.network("web", "10.1.0.0/24")
    (healer,) = healers(stack.core.doctor, stack.drivers)
    healer.start()
    for _ in range(2):
        with without_notifications(stack):
            stack.kernel.delete_link("br-web")
        assert eventually(lambda: in_order(stack))
    healer.stop()
    assert healer.ended(5)
    stack.close()


def test_an_endpoint_whose_sandbox_is_gone_waits_for_its_caller(stack: Stack, log: Log) -> None:
    before = stack.store.endpoints.all()
    name = host_end(stack)
    stack.kernel.delete_sandbox("/run/netns/c1")
    stack.kernel.lose_notifications()
    quiet(stack)
    assert stack.store.endpoints.all() == before
    assert name not in {link.name for link in stack.kernel.list_links()}
    assert said(log, "healed") == said(log, "not healed") == []
    stack.kernel.add_sandbox("/run/netns/c1")
    assert stack.connect("c1", netns_name="c1", ports=[PORT]).id == before[0].id


PORT = network_pb2.PortMapping(container_port=80)


def test_an_endpoint_without_a_sandbox_is_not_repaired(stack: Stack, log: Log) -> None:
    stack.kernel.delete_link(host_end(stack, "c2"))
    stack.kernel.lose_notifications()
    quiet(stack)
    assert said(log, "healed") == said(log, "not healed") == []
    assert not {"loose0", host_end(stack, "c2")} & {link.name for link in stack.kernel.list_links()}
    stack.disconnect("c2")  # which is its caller's to see to


def test_a_foreign_device_with_a_bridge_s_name_is_not_touched_and_logged_once(
    stack: Stack, log: Log
) -> None:
    with without_notifications(stack):
        stack.kernel.delete_link("br-web")
        foreign = stack.kernel.add_link("br-web")
    before = stack.kernel.firewall.networks
    stack.kernel.lose_notifications()
    attempts = stack.kernel.control.calls["links.ensure_bridge"]
    assert eventually(lambda: stack.kernel.control.calls["links.ensure_bridge"] > attempts + 2)
    assert foreign in stack.kernel.list_links()
    assert stack.kernel.firewall.networks == before
    told = [problem for _, problem in said(log, "not healed") if "network web" in problem]
    assert len(told) == 1
    assert "The interface br-web is not the network's bridge." in told[0]
    stack.kernel.delete_link("br-web")
    assert eventually(lambda: in_order(stack))
    stack.disconnect("c2")  # which is its caller's to see to


def test_a_failed_repair_is_tried_again_and_logged_once(stack: Stack, log: Log) -> None:
    stack.kernel.control.fail("links.ensure_bridge", KernelError("no"), times=3)
    stack.kernel.delete_link("br-web")
    assert eventually(lambda: in_order(stack))
    assert eventually(lambda: said(log, "healed"))
    told = [line for line in log if line["event"] == "not healed"]
    (line,) = [each for each in told if each["problem"].startswith("network web")]
    assert line["problem"].endswith("The bridge br-web is not there. The repair failed: no.")
    assert isinstance(line["exc_info"], KernelError)
    stack.disconnect("c2")  # which is its caller's to see to


def test_a_failed_survey_is_logged_once_and_made_again(stack: Stack, log: Log) -> None:
    stack.kernel.control.fail("links.survey", KernelError("no"), times=3)
    for number in range(4):
        calls = stack.kernel.control.calls["links.survey"]
        stack.kernel.lose_notifications()
        assert eventually(lambda: stack.kernel.control.calls["links.survey"] > calls), number  # noqa: B023
    assert [problem for _, problem in said(log, "not healed")] == ["bridge was not surveyed: no"]


def test_an_object_is_examined_after_the_call_that_is_changing_it(stack: Stack, log: Log) -> None:
    call = Call.internal(5)
    with stack.core.doctor.locks.exclusive(call, "container", "c1"):
        stack.kernel.delete_link(host_end(stack))
        assert eventually(
            lambda: [line for line in log if line["event"].startswith("left alone")], 5
        )
        assert said(log, "healed") == []
    assert eventually(lambda: said(log, "healed"))
    assert said(log, "not healed") == []


def test_an_object_that_is_being_created_or_deleted_is_not_examined(stack: Stack) -> None:
    stack.delete(force=True)
    before = (
        stack.kernel.control.calls["links.inspect"],
        stack.kernel.control.calls["links.inspect_bridge"],
    )
    stack.kernel.monitor.notify("mynet:instance:gone")
    stack.kernel.lose_notifications()
    quiet(stack)
    assert (
        stack.kernel.control.calls["links.inspect"],
        stack.kernel.control.calls["links.inspect_bridge"],
    ) == before


@pytest.fixture
def begin(world: World) -> Iterator[Callable[[FakeDriver], Healer]]:
    """Return a function that starts a healer of a driver."""
    made: list[Healer] = []

    def make(driver: FakeDriver) -> Healer:
        made.append(Healer(world.core.doctor, world.drivers.get(driver.info.name)))
        made[-1].start()
        return made[-1]

    yield make
    for each in made:
        each.stop()
        assert each.ended(5)


def test_a_driver_that_cannot_notice_damage_has_no_healer(world: World) -> None:
    assert healers(world.core.doctor, world.drivers) == []


def test_a_hung_driver_delays_neither_other_drivers_nor_the_stop(
    world: World, begin: Callable[[FakeDriver], Healer], log: Log
) -> None:
    ids = [world.network("web", "10.1.0.0/24").id]
    ids.append(world.network("api", "10.2.0.0/24", driver="other").id)
    one, other = begin(world.driver), begin(world.other)
    hang = world.driver.trouble.hang("check_network")
    world.driver.networks.clear()
    world.other.networks.clear()
    one.alarm(ids[:1])
    hang.await_victim()
    other.alarm(ids[1:])
    assert eventually(lambda: world.other.networks)
    one.stop()
    assert not one.ended(0)
    hang.end()
    assert one.ended(5)
    assert said(log, "not healed") == []


def test_a_stopped_healer_begins_nothing_more_and_logs_no_error(
    world: World, begin: Callable[[FakeDriver], Healer], log: Log
) -> None:
    networks = [world.network(f"n{number}", f"10.{number}.0.0/24").id for number in (1, 2)]
    one = begin(world.driver)
    hang = world.driver.trouble.hang("check_network")
    world.driver.networks.clear()
    one.alarm(networks)
    hang.await_victim()
    one.stop()
    world.driver.trouble.fail("create", KernelError("the end is near"))
    hang.end()
    assert one.ended(5)
    assert world.driver.networks == {}
    assert said(log, "not healed") == []


def test_a_driver_whose_watch_fails_is_surveyed(
    world: World,
    begin: Callable[[FakeDriver], Healer],
    log: Log,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world.network("web", "10.1.0.0/24")

    def broken(*_: object) -> None:
        raise ValueError("no")

    surveys: list[int] = []

    def survey(_: object, networks: Sequence[Network]) -> Collection[str]:
        surveys.append(len(networks))
        return ()

    monkeypatch.setattr(world.driver, "watch", broken)
    monkeypatch.setattr(world.driver, "survey", survey)
    begin(world.driver)
    assert eventually(lambda: surveys == [1])
    assert [line["driver"] for line in log if line["event"] == "damage is not noticed at once"]


def test_alarms_cause_no_survey_during_the_pause_after_the_last(
    world: World, begin: Callable[[FakeDriver], Healer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(healer_module, "_SURVEY_PAUSE", 3600.0)
    surveys: list[int] = []

    def survey(_: object, networks: Sequence[Network]) -> Collection[str]:
        surveys.append(len(networks))
        return ()

    monkeypatch.setattr(world.driver, "survey", survey)
    network = world.network("web", "10.1.0.0/24")
    healer = begin(world.driver)
    assert eventually(lambda: healer._pause_until > 0)
    world.driver.networks.clear()
    healer.alarm(())
    healer.alarm([network.id])  # repaired after the survey, if one had been made
    assert eventually(lambda: world.driver.networks)
    assert surveys == [1]


def test_a_hung_survey_blocks_one_thread_of_its_driver(
    world: World,
    begin: Callable[[FakeDriver], Healer],
    log: Log,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(healer_module, "_TIMEOUT", 0.05)
    monkeypatch.setattr(healer_module, "_SURVEY_PAUSE", 0.05)
    end, surveys = threading.Event(), itertools.count()

    def survey(*_: object) -> Collection[str]:
        next(surveys)
        end.wait(10)
        return ()

    monkeypatch.setattr(world.driver, "survey", survey)
    healer = begin(world.driver)
    for number in range(4):
        assert eventually(lambda: healer._survey_at > 0), number
        healer.alarm(())
        assert eventually(lambda: healer._survey_at > 0), number
    assert next(surveys) == 1
    assert said(log, "not healed")[0][1].startswith("bridge was not surveyed")
    end.set()


def test_a_network_that_is_being_created_is_left_to_its_call(
    world: World, begin: Callable[[FakeDriver], Healer]
) -> None:
    hang = world.driver.trouble.hang("create")
    with ThreadPoolExecutor(1) as pool:
        making = pool.submit(world.network, "web", "10.1.0.0/24")
        hang.await_victim()
        (network,) = world.store.networks.all()
        assert list(examiners(world.core.doctor, [network.id])) == []
        begin(world.driver).alarm([network.id])
        hang.end()
        assert making.result().name == "web"


def test_an_endpoint_that_moved_since_it_was_suspected_is_not_removed(stack: Stack) -> None:
    (before,) = [endpoint for endpoint in stack.store.endpoints.all() if endpoint.place.sandbox]
    examine = dict(examiners(stack.core.doctor, [before.id]))[before.id]
    stack.kernel.add_sandbox("/run/netns/c1")  # the container has restarted
    stack.connect("c1", netns_name="c1", ports=[PORT])
    examination = Examination(lambda: Call.internal(5), repair=True)
    examine(examination)
    assert examination.findings == []
    (after,) = [endpoint for endpoint in stack.store.endpoints.all() if endpoint.place.sandbox]
    assert (after.id, after.addresses) == (before.id, before.addresses)
    assert after.place != before.place
