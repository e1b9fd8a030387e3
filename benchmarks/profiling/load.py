"""The calls that are profiled, made by one caller or by several at once."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mynet.v1 import network_pb2 as pb
from tests.e2e.support.daemon import EXECUTED, Daemon, connect
from tests.e2e.support.testbed import Sandbox, Testbed

_FIRST_PORT = 2000  # of the host


@dataclass(frozen=True, slots=True)
class Load:
    """A daemon with a dual-stack network, and sandboxes to connect."""

    daemon: Daemon
    sandboxes: int
    # Of each endpoint.
    ports: int
    callers: int

    def phases(self) -> Mapping[str, Callable[[], None]]:
        """Return what is profiled, in this order: the name, and the function that makes calls.

        Each function makes a call for each sandbox, or has a request for each in its calls.
        """
        at_once = f"{self.callers} at once"
        return {
            f"Connect, {at_once}": lambda: self._each(self._connect),
            f"Connect again, {at_once}": lambda: self._each(self._connect),
            f"GetEndpoint, {at_once}": lambda: self._each(self._get),
            f"Disconnect, {at_once}": lambda: self._each(self._disconnect),
            "BatchConnect": self._connect_all,
            "BatchDisconnect": self._disconnect_all,
        }

    def warm_up(self) -> None:
        """Make each kind of call once, so that what is made at first is not measured."""
        self._connect(0)
        self._get(0)
        self._disconnect(0)

    def _each(self, call: Callable[[int], object]) -> None:
        with ThreadPoolExecutor(self.callers) as callers:
            list(callers.map(call, range(self.sandboxes)))

    def _connect_all(self) -> None:
        requests = [self._request(number) for number in range(self.sandboxes)]
        answer = self.daemon.net.BatchConnect(pb.BatchConnectRequest(requests=requests))
        _require_success(answer.outcomes)

    def _disconnect_all(self) -> None:
        requests = [_selector(number) for number in range(self.sandboxes)]
        answer = self.daemon.net.BatchDisconnect(pb.BatchDisconnectRequest(requests=requests))
        _require_success(answer.outcomes)

    def _connect(self, number: int) -> None:
        self.daemon.net.Connect(self._request(number))

    def _get(self, number: int) -> None:
        request = pb.GetEndpointRequest(network="blue", container_id=f"c{number}")
        self.daemon.net.GetEndpoint(request)

    def _disconnect(self, number: int) -> None:
        self.daemon.net.Disconnect(_selector(number))

    def _request(self, number: int) -> pb.ConnectRequest:
        first = _FIRST_PORT + self.ports * number
        mappings = [
            pb.PortMapping(host_port=first + place, container_port=80 + place)
            for place in range(self.ports)
        ]
        return connect(f"c{number}", ports=mappings)


def _selector(number: int) -> pb.DisconnectRequest:
    return pb.DisconnectRequest(network="blue", container_id=f"c{number}")


def _require_success(outcomes: "Iterable[pb.ConnectOutcome | pb.DisconnectOutcome]") -> None:
    for outcome in outcomes:
        if outcome.failure.code:
            raise RuntimeError(outcome.failure.message)


@contextmanager
def loaded(folder: Path, sandboxes: int, ports: int, callers: int) -> Iterator[Load]:
    """Yield a load on a host of its own, whose daemon has its state in the folder."""
    testbed = Testbed(folder)
    try:
        daemon = Daemon(testbed, f"--state-dir={folder}/state", program=EXECUTED)
        daemon.create("blue", "10.88.0.0/16", "fd88::/64")
        for number in range(sandboxes):
            Sandbox(testbed, f"c{number}")
        yield Load(daemon, sandboxes, ports, callers)
        daemon.stop()
    finally:
        testbed.close()
