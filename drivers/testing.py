"""The driver contract as a test: what :mod:`mynet.drivers.api` says in words, asked of a driver.

One call from one test of any test runner::

    def test_the_driver_keeps_the_contract(tmp_path):
        check_driver(lambda context: MyDriver(context), tmp_path)

What a driver makes, it makes where the test runs: give it a network namespace of its own. With a
``sandbox`` the endpoints go there; without, they stay beside the host's end.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_interface
from pathlib import Path
from typing import TypeVar

from mynet.drivers.api import (
    API_VERSION,
    Call,
    Driver,
    DriverContext,
    Endpoint,
    Network,
    Sandbox,
    Subnet,
)
from mynet.drivers.errors import DriverError, SandboxNotFound

_DEADLINE = 60  # seconds that every call is given
_LONGEST_NAME = 15  # characters of a device, IFNAMSIZ less the end
_THREADS = 8
_ROUNDS = 8

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class SampleCall:
    """A call that somebody waits for, for a minute."""

    request_id: str = "conformance"
    deadline: float = field(default_factory=lambda: time.monotonic() + _DEADLINE)
    principal: str = "conformance"

    def alive(self) -> bool:
        """Say that the caller still waits."""
        return True


def sample_network(number: int = 1, *, prefix: str = "br-") -> Network:
    """Build a network with an IPv4 and an IPv6 subnet, different for each number up to 250."""
    ipv4 = IPv4Network(f"198.18.{number}.0/24")  # for tests of networks, RFC 2544
    ipv6 = IPv6Network(f"fd6d:796e:6574:{number:x}::/64")
    return Network(
        id=f"{number:032x}",
        name=f"conformance-{number}",
        interface=f"{prefix}check{number}"[-_LONGEST_NAME:],
        subnets=(Subnet(ipv4, ipv4[1]), Subnet(ipv6, ipv6[1])),
        mtu=1400,
    )


def sample_endpoint(
    network: Network, number: int = 1, *, prefix: str = "veth", sandbox: Sandbox | None = None
) -> Endpoint:
    """Build an endpoint of the network, different for each number up to 250."""
    cidrs = [subnet.cidr for subnet in network.subnets]
    return Endpoint(
        id=f"{network.name}-{number}",
        network=network,
        interface=f"check{number}" if sandbox else f"cif-check{number}",
        host_interface=f"{prefix}chk{number}"[-_LONGEST_NAME:],
        mac_address=f"02:00:5e:00:53:{number:02x}",  # for documentation, RFC 7042, made local
        addresses=tuple(ip_interface((cidr[number + 1], cidr.prefixlen)) for cidr in cidrs),
        gateways=tuple(subnet.gateway for subnet in network.subnets) if sandbox else (),
        route_metric=number,
        sandbox=sandbox,
    )


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


def check_driver(
    make: Callable[[DriverContext], Driver],
    state_dir: Path,
    *,
    sandbox: Sandbox | None = None,
) -> None:
    """Raise :exc:`AssertionError` with a sentence if the driver does not keep the contract.

    ``make`` is called several times, as for a daemon that is started again. Whatever the outcome,
    what was made is taken away again, by the driver itself.
    """
    context = DriverContext(instance="conformance", state_dir=state_dir)
    for claim in CLAIMS:
        with _named(claim):
            bench = Bench(lambda: make(context), make(context), sandbox)
            with closing(bench.driver), _cleared(bench):
                claim(bench)


def info_is_the_same_every_time(bench: Bench) -> None:
    """Its name is what users write, its version what the daemon was built for."""
    info = bench.driver.info
    _claim(info == bench.driver.info, "info differs from one time to the next")
    with closing(bench.make()) as other:
        _claim(info == other.info, "info differs from one driver object to the next")
    _claim(info.name, "info.name is empty")
    _claim(
        info.api_version == API_VERSION,
        f"info.api_version is {info.api_version}, and this daemon's is {API_VERSION}",
    )


def options_are_named_and_described(bench: Bench) -> None:
    """Each once, with words for ListDrivers, and a check that answers with a sentence or None."""
    names = [option.name for option in bench.driver.info.options]
    _claim(len(names) == len(set(names)), f"an option is named twice: {names}")
    for option in bench.driver.info.options:
        _claim(option.description, f"option {option.name} has no description")
        answer = option.check("no value that any option takes")
        _claim(
            answer is None or (isinstance(answer, str) and answer),
            f"the check of option {option.name} answered {answer!r}",
        )


def creating_twice_is_creating_once(bench: Bench) -> None:
    """And one delete ends it."""
    network = bench.network()
    bench.create(network)
    bench.create(network)
    bench.driver.delete(SampleCall(), network)


def deleting_what_is_gone_is_success(bench: Bench) -> None:
    """Before it was ever made, and twice after."""
    network = bench.network()
    _twice(bench.driver.delete, network)
    bench.create(network)
    _twice(bench.driver.delete, network)


def connecting_twice_is_connecting_once(bench: Bench) -> None:
    """After each of them the kernel is what the endpoint says."""
    endpoint = _connected(bench)
    _claim_whole(bench, endpoint)
    bench.connect(endpoint)
    _claim_whole(bench, endpoint)


def disconnecting_what_is_gone_is_success(bench: Bench) -> None:
    """Before there was a network, before it was connected, and twice after."""
    network = bench.network()
    endpoint = bench.endpoint(network)
    _twice(bench.driver.disconnect, endpoint)
    bench.create(network)
    _twice(bench.driver.disconnect, endpoint)
    bench.connect(endpoint)
    _twice(bench.driver.disconnect, endpoint)


def a_disconnected_endpoint_is_missed(bench: Bench) -> None:
    """By a driver that makes a link: check has sentences, as it must have eyes."""
    endpoint = _connected(bench)
    bench.driver.disconnect(SampleCall(), endpoint)
    problems = bench.driver.check(SampleCall(), endpoint)
    if bench.makes_links:
        _claim(problems, "check finds nothing wrong with an endpoint that was disconnected")
    for problem in problems:
        _claim(problem.strip(), f"check answered {problem!r}, which is no sentence")


def names_are_free_after_disconnecting(bench: Bench) -> None:
    """Another endpoint takes them at once."""
    endpoint = _connected(bench)
    for round_number in range(3):
        bench.driver.disconnect(SampleCall(), endpoint)
        endpoint = replace(endpoint, id=f"again-{round_number}")
        bench.connect(endpoint)
        _claim_whole(bench, endpoint)
    bench.driver.disconnect(SampleCall(), endpoint)


def disconnecting_works_when_the_network_is_gone(bench: Bench) -> None:
    """Take away the endpoint after the network, as after a Delete with force."""
    endpoint = _connected(bench)
    bench.driver.delete(SampleCall(), endpoint.network)
    _twice(bench.driver.disconnect, endpoint)


def a_lost_sandbox_is_said_to_be_lost(bench: Bench) -> None:
    """Connect refuses, disconnect and check do without it."""
    network = bench.network()
    lost = Sandbox("/proc/0/ns/net", 1)
    endpoint = replace(bench.endpoint(network), sandbox=lost, gateways=())
    bench.create(network)
    with _only_driver_errors():
        try:
            bench.connect(endpoint)
        except SandboxNotFound:
            pass
        else:
            _claim(not bench.makes_links, "connect made a link in a sandbox that is not there")
    bench.driver.check(SampleCall(), endpoint)
    _twice(bench.driver.disconnect, endpoint)


def an_endpoint_without_its_network_fails_cleanly(bench: Bench) -> None:
    """Whatever connect then does, it raises a DriverError or nothing; disconnect undoes it."""
    endpoint = bench.endpoint(bench.network())
    with _only_driver_errors(), suppress(DriverError):
        bench.connect(endpoint)
    _twice(bench.driver.disconnect, endpoint)


def networks_outlive_the_driver(bench: Bench) -> None:
    """Find, check and end what the driver of an earlier daemon made."""
    endpoint = _connected(bench)
    bench.driver.close()
    with closing(bench.make()) as again:
        again.restore(SampleCall(), [endpoint.network])
        problems = list(again.check(SampleCall(), endpoint))
        _claim(not problems, f"after a restart check says: {problems}")
        again.disconnect(SampleCall(), endpoint)
        again.delete(SampleCall(), endpoint.network)


def restoring_makes_what_is_not_there(bench: Bench) -> None:
    """As after a reboot; twice, and with nothing to restore."""
    network = bench.network()
    bench.networks.append(network)
    bench.driver.restore(SampleCall(), [])
    bench.driver.restore(SampleCall(), [network])
    bench.driver.restore(SampleCall(), [network])
    endpoint = bench.endpoint(network)
    bench.connect(endpoint)
    _claim_whole(bench, endpoint)


def closing_lets_go_of_descriptors_and_threads(bench: Bench) -> None:
    """Add up what is left of many drivers, each of which was used."""
    endpoint = bench.endpoint(bench.network())
    bench.networks.append(endpoint.network)
    bench.endpoints.append(endpoint)
    before = _open_descriptors(), threading.active_count()
    for _ in range(_ROUNDS):
        with closing(bench.make()) as driver:
            driver.create(SampleCall(), endpoint.network)
            driver.connect(SampleCall(), endpoint)
            driver.disconnect(SampleCall(), endpoint)
            driver.delete(SampleCall(), endpoint.network)
    after = _open_descriptors(), threading.active_count()
    for what, old, new in zip(("file descriptors", "threads"), before, after, strict=True):
        _claim(new - old < _ROUNDS, f"{_ROUNDS} drivers were closed and left {new - old} {what}")


def many_threads_connect_at_once(bench: Bench) -> None:
    """To two networks, and they disconnect at once too."""
    networks = [bench.network(number) for number in (1, 2)]
    endpoints = [bench.endpoint(networks[number % 2], number) for number in range(1, _THREADS + 1)]
    _at_once(bench.create, networks)
    _at_once(bench.connect, endpoints)
    for endpoint in endpoints:
        _claim_whole(bench, endpoint)
    _at_once(partial(bench.driver.disconnect, SampleCall()), endpoints)
    for endpoint in endpoints:
        problems = bench.driver.check(SampleCall(), endpoint)
        _claim(problems or not bench.makes_links, f"{endpoint.id} is still there")


# Those first that clearing away after the others relies on.
CLAIMS: Sequence[Callable[[Bench], None]] = (
    info_is_the_same_every_time,
    options_are_named_and_described,
    deleting_what_is_gone_is_success,
    creating_twice_is_creating_once,
    disconnecting_what_is_gone_is_success,
    connecting_twice_is_connecting_once,
    a_disconnected_endpoint_is_missed,
    names_are_free_after_disconnecting,
    disconnecting_works_when_the_network_is_gone,
    a_lost_sandbox_is_said_to_be_lost,
    an_endpoint_without_its_network_fails_cleanly,
    networks_outlive_the_driver,
    restoring_makes_what_is_not_there,
    closing_lets_go_of_descriptors_and_threads,
    many_threads_connect_at_once,
)


@contextmanager
def _named(claim: Callable[[Bench], None]) -> Iterator[None]:
    """Put the claim's name before what is wrong, whatever the driver raised."""
    words = claim.__name__.replace("_", " ")
    try:
        yield
    except AssertionError as error:
        raise AssertionError(f"{words}: {error}") from error
    except Exception as error:
        raise AssertionError(
            f"{words}: the driver raised {type(error).__name__}: {error}"
        ) from error


@contextmanager
def _cleared(bench: Bench) -> Iterator[None]:
    """Take away what the block made. Where that fails, what failed in the block comes first."""
    before = _links()
    try:
        yield
    except Exception:
        with suppress(Exception):
            bench.clear()
        raise
    bench.clear()
    left = sorted((_links() - before) & bench.names())
    _claim(not left, f"disconnect and delete left behind: {left}")


def _claim(holds: object, sentence: str) -> None:
    """State a thing; unlike ``assert``, also under ``python -O``."""
    if not holds:
        raise AssertionError(sentence)


def _claim_whole(bench: Bench, endpoint: Endpoint) -> None:
    problems = list(bench.driver.check(SampleCall(), endpoint))
    _claim(not problems, f"check says of {endpoint.id}, which was just connected: {problems}")


def _links() -> set[str]:
    """List the links of the namespace that the test runs in."""
    return {name for _, name in socket.if_nameindex()}


def _open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _twice(verb: Callable[[Call, Thing], None], thing: Thing) -> None:
    verb(SampleCall(), thing)
    verb(SampleCall(), thing)


def _connected(bench: Bench) -> Endpoint:
    """Create the sample network and connect the sample endpoint."""
    network = bench.network()
    endpoint = bench.endpoint(network)
    bench.create(network)
    bench.connect(endpoint)
    return endpoint


def _at_once(verb: Callable[[Thing], None], things: Sequence[Thing]) -> None:
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
def _only_driver_errors() -> Iterator[None]:
    """Let pass what a driver may raise, and name what it may not."""
    try:
        yield
    except (DriverError, AssertionError):
        raise
    except Exception as error:
        raise AssertionError(
            f"the driver raised {type(error).__name__}, which is not a DriverError: {error}"
        ) from error
