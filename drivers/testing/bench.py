"""The bench that claims test a driver on, and the assertions that they share."""

import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

from mynet.drivers.api import PORTS, WATCH, Call, Driver, Endpoint, Network, Sandbox
from mynet.drivers.errors import DriverError
from mynet.drivers.testing.samples import SampleCall, sample_endpoint, sample_network

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class Bench:
    """A driver under test, and all that a claim makes with it."""

    # Return another driver for the same state, as after a restart of the daemon.
    make: Callable[[], Driver]
    # The driver under test.
    driver: Driver
    # Where inner ends go.
    sandbox: Sandbox | None
    # What the claim has made and clear() deletes.
    networks: list[Network] = field(default_factory=list)
    endpoints: list[Endpoint] = field(default_factory=list)

    def create(self, network: Network) -> None:
        """Create the network, for :meth:`clear` to delete."""
        self.networks.append(network)
        self.driver.create(SampleCall(), network)

    def connect(self, endpoint: Endpoint) -> None:
        """Connect the endpoint, for :meth:`clear` to disconnect."""
        self.endpoints.append(endpoint)
        self.driver.connect(SampleCall(), endpoint)

    def clear(self) -> None:
        """Delete everything that a claim may have made, with a new driver, as at a start."""
        with closing(self.make()) as driver:
            driver.restore(SampleCall(), [])
            for endpoint in self.endpoints:
                driver.disconnect(SampleCall(), endpoint)
            for network in self.networks:
                driver.delete(SampleCall(), network)

    def names(self) -> set[str]:
        """Return the names of all links that a claim may have made."""
        devices = {network.interface for network in self.networks}
        inner = {endpoint.interface for endpoint in self.endpoints}
        return devices | inner | {endpoint.host_interface for endpoint in self.endpoints}

    def network(self, number: int = 1) -> Network:
        """Return a sample network with the driver's prefix for devices."""
        return sample_network(number, prefix=self.driver.info.device_prefix)

    def endpoint(self, network: Network, number: int = 1) -> Endpoint:
        """Return a sample endpoint with the driver's prefix for ports."""
        prefix = self.driver.info.port_prefix
        return sample_endpoint(network, number, prefix=prefix, sandbox=self.sandbox)

    @property
    def makes_links(self) -> bool:
        """Whether the driver makes a device for an endpoint, so that check can miss it."""
        return bool(self.driver.info.port_prefix)

    @property
    def publishes(self) -> bool:
        """Whether the driver declares that it publishes ports."""
        return PORTS in self.driver.info.capabilities

    @property
    def watches(self) -> bool:
        """Whether the driver declares that it notices damage."""
        return WATCH in self.driver.info.capabilities


@contextmanager
def cleared(bench: Bench) -> Iterator[None]:
    """Delete what the block made, and raise AssertionError if any of its links is left.

    An exception of the block is raised rather than a failure of the deletion.
    """
    before = links()
    try:
        yield
    except Exception:
        with suppress(Exception):
            bench.clear()
        raise
    bench.clear()
    left = sorted((links() - before) & bench.names())
    require(not left, f"disconnect and delete left behind: {left}")


def require(holds: object, sentence: str) -> None:
    """Raise AssertionError unless it ``holds``. Unlike ``assert``, ``python -O`` keeps it."""
    if not holds:
        raise AssertionError(sentence)


def require_whole(bench: Bench, endpoint: Endpoint) -> None:
    """Raise AssertionError if check reports a difference of a connected endpoint."""
    problems = list(bench.driver.check(SampleCall(), endpoint))
    require(not problems, f"after connect, check reports of {endpoint.id}: {problems}")


def require_problems(bench: Bench, endpoint: Endpoint, sentence: str) -> None:
    """Raise AssertionError unless check reports a difference of an endpoint."""
    require(list(bench.driver.check(SampleCall(), endpoint)), sentence)


def twice(verb: Callable[[Call, Thing], None], thing: Thing) -> None:
    """Call a verb twice."""
    verb(SampleCall(), thing)
    verb(SampleCall(), thing)


def connected(bench: Bench) -> Endpoint:
    """Create the sample network, connect the sample endpoint and return the endpoint."""
    network = bench.network()
    endpoint = bench.endpoint(network)
    bench.create(network)
    bench.connect(endpoint)
    return endpoint


def at_once(verb: Callable[[Thing], None], things: Sequence[Thing]) -> None:
    """Call the verb for each thing in a thread of its own.

    Raises AssertionError if any call raises.
    """
    with ThreadPoolExecutor(len(things)) as threads:
        calls = [threads.submit(verb, thing) for thing in things]
    if errors := [error for call in calls if (error := call.exception())]:
        sentence = f"of {len(things)} concurrent calls {len(errors)} failed"
        raise AssertionError(sentence) from errors[0]


@contextmanager
def only_driver_errors() -> Iterator[None]:
    """Raise AssertionError for an exception of the block that a driver may not raise."""
    try:
        yield
    except (DriverError, AssertionError):
        raise
    except Exception as error:
        raise AssertionError(
            f"the driver raised {type(error).__name__}, which is not a DriverError: {error}"
        ) from error


def links() -> set[str]:
    """Return the names of the links in the namespace of the test."""
    return {name for _, name in socket.if_nameindex()}
