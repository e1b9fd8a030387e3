"""The threads of healers: drivers that hang or fail, alarms, surveys, and the end."""

import itertools
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from mynet.drivers.api import Network
from mynet.drivers.errors import KernelError
from mynet.server.reconcile import healer as healer_module
from mynet.server.reconcile.healer import Healer, examiners, healers
from tests.server.reconcile.healing.logged import Log, said
from tests.server.support.faulty.fakes import FakeDriver
from tests.server.support.polling import eventually
from tests.server.support.world import World


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
