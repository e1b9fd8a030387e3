"""A plugin that hangs or raises in any verb, under the real daemon and on a real kernel.

The caller is answered while the plugin still hangs, other callers do not wait, nothing leaks, and
the daemon ends on SIGTERM. All tests share one host, and leave on it what was there before.
"""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import grpc
import pytest

from mynet.v1 import ipam_pb2, network_pb2
from tests.e2e.support.daemon import STATE, Daemon, connect, create, eventually, refused_as
from tests.e2e.support.namespace import PATIENCE, talk
from tests.e2e.support.testbed import Sandbox, Testbed
from tests.support.matrix import matrix

PLUGIN = Path(__file__).parents[1] / "plugins" / "faulty"
# Seconds: --plugin-timeout and --shutdown-grace. The timeout holds for the built-in plugins too,
# and a busy disk takes more than a second for a commit now and then.
TIMEOUT, GRACE = 3.0, 0.5
NEXT = "10.66.0.0/24"


@pytest.fixture(scope="module")
def faulty(install: Callable[..., str]) -> str:
    return install(PLUGIN)


class Host:
    """A daemon with network red of the faulty plugins, and network blue of the built-in ones.

    Sandbox four is on red. Sandboxes one and two are for blue, and three is for red.
    """

    def __init__(self, testbed: Testbed, plugin: str) -> None:
        self.testbed, self._plugin = testbed, plugin
        names = ("one", "two", "three", "four")
        self.sandboxes = {name: Sandbox(testbed, name) for name in names}
        self.start()
        self.daemon.create("blue")
        self.daemon.create("red", "10.77.0.0/24", driver="faulty", ipam="faulty")
        self.daemon.connect("four", network="red")

    def start(self) -> None:
        """Start the host's daemon, after an earlier one has ended."""
        options = (f"--plugin-timeout={TIMEOUT}", f"--shutdown-grace={GRACE}")
        self.daemon = Daemon(self.testbed, *options, PYTHONPATH=self._plugin)

    @contextlib.contextmanager
    def fault(self, fault: str, plugin: str, verb: str) -> Iterator[None]:
        """Make a verb hang or raise meanwhile."""
        file = self._folder(plugin) / f"{fault}-{verb}"
        file.touch()
        try:
            yield
        finally:
            file.unlink()

    def hangs(self, plugin: str, verb: str) -> bool:
        """Return whether a call of a verb hangs."""
        return (self._folder(plugin) / f"hangs-{verb}").exists()

    def _folder(self, plugin: str) -> Path:
        return self.testbed.root / STATE / plugin / "faulty"


@pytest.fixture(scope="module")
def host(testbed: Testbed, faulty: str) -> Iterator[Host]:
    made = Host(testbed, faulty)
    yield made
    made.daemon.stop()


def make_green(daemon: Daemon) -> None:
    asked = create("green", NEXT, driver="faulty", ipam="faulty")
    asked.allow_existing = True
    daemon.net.CreateNetwork(asked, timeout=PATIENCE)


def delete_green(daemon: Daemon) -> None:
    asked = network_pb2.DeleteNetworkRequest(network="green", force=True, allow_missing=True)
    daemon.net.DeleteNetwork(asked, timeout=PATIENCE)


def attach(daemon: Daemon) -> None:
    daemon.net.Connect(connect("three", network="red"), timeout=PATIENCE)


def detach(daemon: Daemon) -> None:
    asked = network_pb2.DisconnectRequest(network="red", container_id="three", allow_missing=True)
    daemon.net.Disconnect(asked, timeout=PATIENCE)


def divide(daemon: Daemon) -> None:
    asked = network_pb2.UpdateNetworkRequest(network="red", options={"icc": "false"})
    daemon.net.UpdateNetwork(asked, timeout=PATIENCE)


def unite(daemon: Daemon) -> None:
    asked = network_pb2.UpdateNetworkRequest(network="red", remove_options=["icc"])
    daemon.net.UpdateNetwork(asked, timeout=PATIENCE)


def publish(daemon: Daemon) -> None:
    asked = network_pb2.UpdateEndpointRequest(network="red", container_id="four")
    asked.ports.add(host_port=8080, container_port=80)
    daemon.net.UpdateEndpoint(asked, timeout=PATIENCE)


def withdraw(daemon: Daemon) -> None:
    asked = network_pb2.UpdateEndpointRequest(network="red", container_id="four")
    asked.replace_ports = True
    daemon.net.UpdateEndpoint(asked, timeout=PATIENCE)


def allocate(daemon: Daemon) -> None:
    asked = ipam_pb2.AllocateAddressRequest(subnet="10.77.0.0/24", owner="vm-7")
    daemon.ipam.AllocateAddress(asked, timeout=PATIENCE)


def allocate_many(daemon: Daemon) -> None:
    asked = ipam_pb2.BatchAllocateAddressesRequest(subnet="10.77.0.0/24", owners=["vm-7", "vm-8"])
    daemon.ipam.BatchAllocateAddresses(asked, timeout=PATIENCE)


def release(daemon: Daemon) -> None:
    for owner in ("vm-7", "vm-8"):
        daemon.ipam.ReleaseOwner(ipam_pb2.ReleaseOwnerRequest(owner=owner), timeout=PATIENCE)


def check(daemon: Daemon) -> None:
    asked = network_pb2.CheckEndpointRequest(network="red", container_id="four")
    daemon.net.CheckEndpoint(asked, timeout=PATIENCE)


def nothing(_: Daemon) -> None:
    pass


Step = Callable[[Daemon], None]
Answer = TypeVar("Answer")

# The plugin of each verb, the call that needs it, what that call needs, and what undoes it.
VERBS: dict[str, tuple[str, Step, Step, Step]] = {
    "create": ("drivers", make_green, nothing, delete_green),
    "delete": ("drivers", delete_green, make_green, nothing),
    "connect": ("drivers", attach, nothing, detach),
    "disconnect": ("drivers", detach, attach, nothing),
    "update": ("drivers", divide, nothing, unite),
    "update_endpoint": ("drivers", publish, nothing, withdraw),
    "check": ("drivers", check, nothing, nothing),
    "open_subnet": ("ipam", make_green, nothing, delete_green),
    "close_subnet": ("ipam", delete_green, make_green, nothing),
    "allocate": ("ipam", allocate, nothing, release),
    "allocate_batch": ("ipam", allocate_many, nothing, release),
    "release_owner": ("ipam", release, allocate, nothing),
    "release_owners": ("ipam", detach, attach, nothing),
}
# What its caller has to ask for again. All else is undone, or finished, by itself.
LEFT_HALF_DONE = {"delete", "release_owner", "release_owners"}
BEST_EFFORT = {"close_subnet"}  # it follows when all that was asked for is done


def findings(daemon: Daemon) -> list[str]:
    answer = daemon.net.Doctor(network_pb2.DoctorRequest(), timeout=PATIENCE)
    return [f"{finding.object}: {finding.problem}" for finding in answer.findings]


def patiently(daemon: Daemon, step: Callable[[Daemon], Answer]) -> Answer:
    """Take a step, again while an earlier call is under way or the machine is too slow for it."""
    again = (grpc.StatusCode.ABORTED, grpc.StatusCode.DEADLINE_EXCEEDED)
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return step(daemon)
        except grpc.RpcError as error:
            if time.monotonic() > end or error.code() not in again:
                raise


def reason_of(step: Step, daemon: Daemon) -> str:
    """Take a step; return the reason of its refusal, or "" where it was not refused."""
    try:
        step(daemon)
    except grpc.RpcError as error:
        return refused_as(error).reason
    return ""


def attach_to_blue(name: str, daemon: Daemon) -> network_pb2.Endpoint:
    return daemon.connect(name)


def detach_from_blue(name: str, daemon: Daemon) -> None:
    asked = network_pb2.DisconnectRequest(network="blue", container_id=name, allow_missing=True)
    daemon.net.Disconnect(asked)


def require_that_others_go_on(host: Host) -> None:
    """Connect two sandboxes to the network of other plugins, and have them talk."""
    one, two = (patiently(host.daemon, partial(attach_to_blue, name)) for name in ("one", "two"))
    to, source = (endpoint.addresses[1].partition("/")[0] for endpoint in (two, one))
    assert talk(host.sandboxes["one"], host.sandboxes["two"], to) == source
    for name in ("one", "two"):
        patiently(host.daemon, partial(detach_from_blue, name))


FAULTS = [(verb, fault) for fault in ("hang", "late-hang", "raise", "late-raise") for verb in VERBS]


@pytest.mark.parametrize(
    ("verb", "fault"),
    matrix(FAULTS, short=lambda case: case[1] == "hang" or case[0] in ("connect", "allocate")),
)
def test_a_verb_that_hangs_or_raises_fails_its_own_call_alone_and_leaves_nothing(
    host: Host, verb: str, fault: str
) -> None:
    plugin, act, prepare, undo = VERBS[verb]
    daemon = host.daemon
    before = daemon.everything()
    patiently(daemon, prepare)
    hangs = fault.endswith("hang")
    broken = "DRIVER_ERROR" if plugin == "drivers" else "BACKEND_ERROR"
    with host.fault(fault, plugin, verb):
        reason = reason_of(act, daemon)
        if verb not in BEST_EFFORT:
            assert reason == ("PLUGIN_TIMEOUT" if hangs else broken)
        require_that_others_go_on(host)
        if hangs:
            eventually(lambda: host.hangs(plugin, verb))  # so none waited for its end
    eventually(lambda: not host.hangs(plugin, verb))
    if verb not in LEFT_HALF_DONE and hangs:
        eventually(lambda: findings(daemon) == [])
    patiently(daemon, act)
    patiently(daemon, undo)
    eventually(lambda: daemon.everything() == before)
    assert findings(daemon) == []


@pytest.mark.parametrize("verb", matrix(VERBS, short=lambda verb: verb in ("connect", "allocate")))
def test_a_verb_that_hangs_does_not_keep_the_daemon_and_the_next_one_puts_it_right(
    host: Host, verb: str
) -> None:
    plugin, act, prepare, undo = VERBS[verb]
    before = host.daemon.everything()
    patiently(host.daemon, prepare)
    with ThreadPoolExecutor(1) as pool, host.fault("hang", plugin, verb):
        call = pool.submit(reason_of, act, host.daemon)
        eventually(lambda: host.hangs(plugin, verb))
        host.daemon.stop()
        call.result()
    host.start()
    assert findings(host.daemon) == []
    patiently(host.daemon, act)
    patiently(host.daemon, undo)
    eventually(lambda: host.daemon.everything() == before)


AT_A_START = [
    *(("drivers", verb) for verb in ("restore", "check_network", "orphans", "check")),
    *(("ipam", verb) for verb in ("usage", "allocations")),
]


@pytest.mark.parametrize(
    ("plugin", "verb"), matrix(AT_A_START, short=lambda case: case[1] in ("restore", "usage"))
)
def test_a_plugin_that_raises_at_a_start_does_not_keep_the_others(
    host: Host, plugin: str, verb: str
) -> None:
    host.daemon.signal(signal.SIGKILL)
    host.daemon.wait()
    for bridge in ("br-blue", "br-red"):
        host.testbed.run("ip", "link", "del", bridge)
    with host.fault("raise", plugin, verb):
        host.start()
        assert "the rope is torn" in host.daemon.log.read_text()
        require_that_others_go_on(host)
    host.daemon.net.Doctor(network_pb2.DoctorRequest(repair=True), timeout=PATIENCE)
    assert findings(host.daemon) == []
