"""A driver at work, and a sentence for what it does wrong."""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

from mynet.drivers.api import PORTS, WATCH, Call, Driver, Endpoint, Network, Sandbox
from mynet.drivers.errors import DriverError
from mynet.drivers.testing.samples import SampleCall, sample_endpoint, sample_network

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class Bench:
    """A driver at work, and what it is tried with."""

    make: Callable[[], Driver]
    driver: Driver
    sandbox: Sandbox | None
    networks: list[Network] = field(default_factory=list)
    endpoints: list[Endpoint] = field(default_factory=list)

    def create(self, network: Network) -> None:
        """Create the network, and remember to take it away."""
        self.networks.append(network)
        self.driver.create(SampleCall(), network)

    def connect(self, endpoint: Endpoint) -> None:
        """Connect the endpoint, and remember to take it away."""
        self.endpoints.append(endpoint)
        self.driver.connect(SampleCall(), endpoint)

    def clear(self) -> None:
        """Take away everything that a claim may have made, with a driver that is not yet closed."""
        with closing(self.make()) as driver:
            for endpoint in self.endpoints:
                driver.disconnect(SampleCall(), endpoint)
            for network in self.networks:
                driver.delete(SampleCall(), network)

    def names(self) -> set[str]:
        """List the names that links may have been given."""
        devices = {network.interface for network in self.networks}
        inner = {endpoint.interface for endpoint in self.endpoints}
        return devices | inner | {endpoint.host_interface for endpoint in self.endpoints}

    def network(self, number: int = 1) -> Network:
        """Build a sample network, named as the driver names its devices."""
        return sample_network(number, prefix=self.driver.info.device_prefix)

    def endpoint(self, network: Network, number: int = 1) -> Endpoint:
        """Build a sample endpoint, named as the driver names its ports."""
        prefix = self.driver.info.port_prefix
        return sample_endpoint(network, number, prefix=prefix, sandbox=self.sandbox)

    @property
    def makes_links(self) -> bool:
        """Whether the driver makes a device for an endpoint, and so can miss one."""
        return bool(self.driver.info.port_prefix)

    @property
    def publishes(self) -> bool:
        """Whether the driver says that it publishes ports."""
        return PORTS in self.driver.info.capabilities

    @property
    def watches(self) -> bool:
        """Whether the driver says that it notices damage."""
        return WATCH in self.driver.info.capabilities


@contextmanager
def cleared(bench: Bench) -> Iterator[None]:
    """Take away what the block made. Where that fails, what failed in the block comes first."""
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
    """State a thing; unlike ``assert``, also under ``python -O``."""
    if not holds:
        raise AssertionError(sentence)


def require_whole(bench: Bench, endpoint: Endpoint) -> None:
    """State that check finds nothing wrong with an endpoint."""
    problems = list(bench.driver.check(SampleCall(), endpoint))
    require(not problems, f"check says of {endpoint.id}, which was just connected: {problems}")


def twice(verb: Callable[[Call, Thing], None], thing: Thing) -> None:
    """Ask a verb two times."""
    verb(SampleCall(), thing)
    verb(SampleCall(), thing)


def connected(bench: Bench) -> Endpoint:
    """Create the sample network and connect the sample endpoint."""
    network = bench.network()
    endpoint = bench.endpoint(network)
    bench.create(network)
    bench.connect(endpoint)
    return endpoint


def at_once(verb: Callable[[Thing], None], things: Sequence[Thing]) -> None:
    """Ask the verb of each thing in a thread of its own, and raise what went wrong in any."""
    errors: list[Exception] = []

    def run(thing: Thing) -> None:
        try:
            verb(thing)
        except Exception as error:  # noqa: BLE001 - it is raised below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(thing,)) for thing in things]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise AssertionError(f"at once, {len(errors)} of {len(things)} failed") from errors[0]


@contextmanager
def only_driver_errors() -> Iterator[None]:
    """Let pass what a driver may raise, and name what it may not."""
    try:
        yield
    except (DriverError, AssertionError):
        raise
    except Exception as error:
        raise AssertionError(
            f"the driver raised {type(error).__name__}, which is not a DriverError: {error}"
        ) from error


def links() -> set[str]:
    """List the links of the namespace that the test runs in."""
    return {name for _, name in socket.if_nameindex()}
