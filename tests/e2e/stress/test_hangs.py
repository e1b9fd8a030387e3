"""A plugin that hangs or breaks in any verb, at the real daemon and on a real kernel.

Its callers are told so in time, nobody else waits, nothing leaks, and the daemon ends when it is
told to.
"""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from mynet.v1 import ipam_pb2, network_pb2
from tests.e2e.support.daemon import STATE, Daemon, connect, create, eventually, refused_as
from tests.e2e.support.namespace import SECONDS, talk
from tests.e2e.support.testbed import Sandbox, Testbed

PLUGIN = Path(__file__).parents[1] / "plugins" / "faulty"
PATIENCE, GRACE = 3.0, 0.5  # seconds: the daemon's, with its plugins and at its end
NEXT = "10.66.0.0/24"


@pytest.fixture(scope="module")
def faulty(install: Callable[..., str]) -> str:
    return install(PLUGIN)


@dataclass
class House:
    """A daemon with a network of the faulty plugins, and one of others with two sandboxes on it."""

    testbed: Testbed
    plugin: str
    sandboxes: Mapping[str, Sandbox]

    def start(self) -> Daemon:
        options = (f"--plugin-timeout={PATIENCE}", f"--shutdown-grace={GRACE}")
        return Daemon(self.testbed, *options, PYTHONPATH=self.plugin)

    @contextlib.contextmanager
    def mood(self, mood: str, plugin: str, verb: str) -> Iterator[None]:
        """Have a verb hang or break meanwhile."""
        file = self._folder(plugin) / f"{mood}-{verb}"
        file.touch()
        try:
            yield
        finally:
            file.unlink()

    def suffers(self, plugin: str, verb: str) -> bool:
        """Say whether a verb has begun to hang and not returned yet."""
        return (self._folder(plugin) / f"suffers-{verb}").exists()

    def _folder(self, plugin: str) -> Path:
        return self.testbed.root / STATE / plugin / "faulty"


@pytest.fixture
def house(empty_testbed: Testbed, faulty: str) -> House:
    names = ("one", "two", "three", "four")
    return House(empty_testbed, faulty, {name: Sandbox(empty_testbed, name) for name in names})


@pytest.fixture
def daemon(house: House) -> Daemon:
    made = house.start()
    made.create("blue")
    made.create("red", "10.77.0.0/24", driver="faulty", ipam="faulty")
    made.connect("four", network="red")
    return made


def make_green(daemon: Daemon) -> None:
    asked = create("green", NEXT, driver="faulty", ipam="faulty")
    asked.allow_existing = True
    daemon.net.CreateNetwork(asked, timeout=SECONDS)


def delete_green(daemon: Daemon) -> None:
    asked = network_pb2.DeleteNetworkRequest(network="green", force=True, allow_missing=True)
    daemon.net.DeleteNetwork(asked, timeout=SECONDS)


def attach(daemon: Daemon) -> None:
    daemon.net.Connect(connect("three", network="red"), timeout=SECONDS)


def detach(daemon: Daemon) -> None:
    asked = network_pb2.DisconnectRequest(network="red", container_id="three", allow_missing=True)
    daemon.net.Disconnect(asked, timeout=SECONDS)


def divide(daemon: Daemon) -> None:
    asked = network_pb2.UpdateNetworkRequest(network="red", options={"icc": "false"})
    daemon.net.UpdateNetwork(asked, timeout=SECONDS)


def unite(daemon: Daemon) -> None:
    asked = network_pb2.UpdateNetworkRequest(network="red", remove_options=["icc"])
    daemon.net.UpdateNetwork(asked, timeout=SECONDS)


def publish(daemon: Daemon) -> None:
    asked = network_pb2.UpdateEndpointRequest(network="red", container_id="four")
    asked.ports.add(host_port=8080, container_port=80)
    daemon.net.UpdateEndpoint(asked, timeout=SECONDS)


def withdraw(daemon: Daemon) -> None:
    asked = network_pb2.UpdateEndpointRequest(network="red", container_id="four")
    asked.replace_ports = True
    daemon.net.UpdateEndpoint(asked, timeout=SECONDS)


def allocate(daemon: Daemon) -> None:
    asked = ipam_pb2.AllocateAddressRequest(subnet="10.77.0.0/24", owner="vm-7")
    daemon.ipam.AllocateAddress(asked, timeout=SECONDS)


def allocate_many(daemon: Daemon) -> None:
    asked = ipam_pb2.BatchAllocateAddressesRequest(subnet="10.77.0.0/24", owners=["vm-7", "vm-8"])
    daemon.ipam.BatchAllocateAddresses(asked, timeout=SECONDS)


def release(daemon: Daemon) -> None:
    for owner in ("vm-7", "vm-8"):
        daemon.ipam.ReleaseOwner(ipam_pb2.ReleaseOwnerRequest(owner=owner), timeout=SECONDS)


def look(daemon: Daemon) -> None:
    asked = network_pb2.CheckEndpointRequest(network="red", container_id="four")
    daemon.net.CheckEndpoint(asked, timeout=SECONDS)


def nothing(_: Daemon) -> None:
    pass


Step = Callable[[Daemon], None]

# Whose verb it is, what asks it, what makes that possible, and what takes it back.
VERBS: dict[str, tuple[str, Step, Step, Step]] = {
    "create": ("drivers", make_green, nothing, delete_green),
    "delete": ("drivers", delete_green, make_green, nothing),
    "connect": ("drivers", attach, nothing, detach),
    "disconnect": ("drivers", detach, attach, nothing),
    "update": ("drivers", divide, nothing, unite),
    "update_endpoint": ("drivers", publish, nothing, withdraw),
    "check": ("drivers", look, nothing, nothing),
    "open_subnet": ("ipam", make_green, nothing, delete_green),
    "close_subnet": ("ipam", delete_green, make_green, nothing),
    "allocate": ("ipam", allocate, nothing, release),
    "allocate_batch": ("ipam", allocate_many, nothing, release),
    "release_owner": ("ipam", release, allocate, nothing),
    "release_owners": ("ipam", detach, attach, nothing),
}
EACH = pytest.mark.parametrize("verb", VERBS)
# What is to be called again by whoever asked for it; all else is undone, or finished, by itself.
LEFT_HALF_DONE = {"delete", "release_owner", "release_owners"}
AFTERTHOUGHTS = {"close_subnet"}  # it comes when all that was asked for is done


def findings(daemon: Daemon) -> list[str]:
    answer = daemon.net.Doctor(network_pb2.DoctorRequest(), timeout=SECONDS)
    return [f"{each.object}: {each.problem}" for each in answer.findings]


def patiently(daemon: Daemon, step: Step) -> None:
    """Take a step, again and again while something of an earlier one is under way."""
    end = time.monotonic() + SECONDS
    while True:
        try:
            return step(daemon)
        except grpc.RpcError as error:
            if time.monotonic() > end or error.code() is not grpc.StatusCode.ABORTED:
                raise


def reason_of(step: Step, daemon: Daemon) -> str:
    """Take a step; say why it was refused, or "" where it was not."""
    try:
        step(daemon)
    except grpc.RpcError as error:
        return refused_as(error).reason
    return ""


def require_that_others_go_on(daemon: Daemon, house: House) -> None:
    """Connect two sandboxes to a network of other plugins, and let them talk."""
    begin = time.monotonic()
    for name in ("one", "two"):
        daemon.connect(name)
    assert talk(house.sandboxes["one"], house.sandboxes["two"], "fd88::3") == "fd88::2"
    for name in ("one", "two"):
        daemon.disconnect(name)
    assert time.monotonic() - begin < SECONDS / 2


@EACH
@pytest.mark.parametrize("mood", ["hang", "late-hang", "raise", "late-raise"])
def test_a_verb_that_hangs_or_breaks_costs_its_callers_alone_and_leaves_nothing(
    daemon: Daemon, house: House, verb: str, mood: str
) -> None:
    plugin, act, prepare, undo = VERBS[verb]
    before = daemon.everything()
    prepare(daemon)
    hangs = mood.endswith("hang")
    broken = "DRIVER_ERROR" if plugin == "drivers" else "BACKEND_ERROR"
    with house.mood(mood, plugin, verb):
        begin = time.monotonic()
        reason = reason_of(act, daemon)
        assert time.monotonic() - begin < PATIENCE + 3
        if verb not in AFTERTHOUGHTS:
            assert reason == ("PLUGIN_TIMEOUT" if hangs else broken)
        require_that_others_go_on(daemon, house)
    eventually(lambda: not house.suffers(plugin, verb))
    if verb not in LEFT_HALF_DONE and hangs:
        eventually(lambda: findings(daemon) == [])
    patiently(daemon, act)
    patiently(daemon, undo)
    eventually(lambda: daemon.everything() == before)
    assert findings(daemon) == []
    daemon.stop()


@EACH
def test_a_verb_that_hangs_does_not_keep_the_daemon_and_the_next_one_puts_it_right(
    daemon: Daemon, house: House, verb: str
) -> None:
    plugin, act, prepare, undo = VERBS[verb]
    before = daemon.everything()
    prepare(daemon)
    with ThreadPoolExecutor(1) as pool, house.mood("hang", plugin, verb):
        call = pool.submit(reason_of, act, daemon)
        eventually(lambda: house.suffers(plugin, verb))
        begin = time.monotonic()
        daemon.stop()
        assert time.monotonic() - begin < GRACE + 3
        call.result()
    again = house.start()
    assert findings(again) == []
    patiently(again, act)
    patiently(again, undo)
    eventually(lambda: again.everything() == before)
    again.stop()


@pytest.mark.parametrize(
    ("plugin", "verb"),
    [
        *(("drivers", verb) for verb in ("restore", "check_network", "orphans", "check")),
        *(("ipam", verb) for verb in ("usage", "allocations")),
    ],
)
def test_a_plugin_that_breaks_at_a_start_does_not_keep_the_others(
    daemon: Daemon, house: House, plugin: str, verb: str
) -> None:
    daemon.signal(signal.SIGKILL)
    daemon.wait()
    for bridge in ("br-blue", "br-red"):
        house.testbed.run("ip", "link", "del", bridge)
    with house.mood("raise", plugin, verb):
        again = house.start()
        assert "the rope is torn" in again.log.read_text()
        require_that_others_go_on(again, house)
    again.net.Doctor(network_pb2.DoctorRequest(repair=True), timeout=SECONDS)
    assert findings(again) == []
    again.stop()
