"""A driver in memory that conforms to the contract; nonconforming drivers are its subclasses."""

import threading
from collections.abc import Callable, Collection, Sequence

from mynet.drivers.api import (
    PORTS,
    WATCH,
    Call,
    Driver,
    DriverContext,
    DriverInfo,
    Endpoint,
    Network,
    Option,
    Orphan,
    PortMapping,
)
from mynet.drivers.errors import InterfaceExists, KernelError, SandboxNotFound


class Kernel:
    """What outlives a driver: ids of networks, the endpoints that own links, and ports."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.networks: set[str] = set()
        self.links: dict[str, str] = {}
        self.ports: dict[str, Sequence[PortMapping]] = {}


def yes_or_no(value: str) -> str | None:
    return None if value in ("yes", "no") else f"{value!r} is neither yes nor no"


class ConformingDriver(Driver):
    """Makes one link an endpoint. Each subclass violates one claim."""

    def __init__(self, context: DriverContext, kernel: Kernel) -> None:
        self.kernel = kernel

    @property
    def info(self) -> DriverInfo:
        option = Option("quick", "yes or no", yes_or_no)
        return DriverInfo(
            "conforming",
            capabilities=frozenset({PORTS, WATCH}),
            options=[option],
            device_prefix="snd-",
            port_prefix="snd",
        )

    def create(self, call: Call, network: Network) -> None:
        with self.kernel.lock:
            self.kernel.networks.add(network.id)

    def delete(self, call: Call, network: Network) -> None:
        with self.kernel.lock:
            self.kernel.networks.discard(network.id)

    def connect(self, call: Call, endpoint: Endpoint) -> None:
        with self.kernel.lock:
            if endpoint.sandbox and endpoint.sandbox.path.startswith("/proc/0/"):
                raise SandboxNotFound("there is no process 0")
            if endpoint.network.id not in self.kernel.networks:
                raise KernelError("there is no such network")
            if self.kernel.links.setdefault(endpoint.host_interface, endpoint.id) != endpoint.id:
                raise InterfaceExists(f"{endpoint.host_interface} is another's")
            self.kernel.ports[endpoint.id] = endpoint.ports

    def disconnect(self, call: Call, endpoint: Endpoint) -> None:
        with self.kernel.lock:
            if self.kernel.links.get(endpoint.host_interface) == endpoint.id:
                del self.kernel.links[endpoint.host_interface]
            self.kernel.ports.pop(endpoint.id, None)

    def check(self, call: Call, endpoint: Endpoint) -> Sequence[str]:
        with self.kernel.lock:
            if self.kernel.links.get(endpoint.host_interface) != endpoint.id:
                return [f"{endpoint.host_interface} is not there."]
            return self.unpublished(endpoint)

    def unpublished(self, endpoint: Endpoint) -> Sequence[str]:
        standing = self.kernel.ports.get(endpoint.id, ())
        return [f"{port} is not there." for port in endpoint.ports if port not in standing]

    def restore(self, call: Call, networks: Sequence[Network]) -> None:
        super().restore(call, networks)
        with self.kernel.lock:
            self.kernel.ports = {
                endpoint.id: endpoint.ports for each in networks for endpoint in each.endpoints
            }

    def check_network(self, call: Call, network: Network) -> Sequence[str]:
        with self.kernel.lock:
            return [] if network.id in self.kernel.networks else [f"{network.id} is not there."]

    def survey(self, call: Call, networks: Sequence[Network]) -> Collection[str]:
        with self.kernel.lock:
            missing = [each.id for each in networks if each.id not in self.kernel.networks]
            endpoints = [each for network in networks for each in network.endpoints]
            return missing + [each.id for each in endpoints if self.check(call, each)]

    def orphans(self, call: Call, known: Collection[str]) -> Sequence[Orphan]:
        with self.kernel.lock:
            links = [Orphan(owner, f"link {name}") for name, owner in self.kernel.links.items()]
            return [orphan for orphan in links if orphan.id not in known]

    def discard(self, call: Call, orphan: Orphan) -> None:
        with self.kernel.lock:
            for name in [name for name, owner in self.kernel.links.items() if owner == orphan.id]:
                del self.kernel.links[name]


Nonconforming = list[tuple[str, type[ConformingDriver]]]  # the violated claim, and the driver


def noting(
    drivers: Nonconforming,
) -> Callable[[str], Callable[[type[ConformingDriver]], type[ConformingDriver]]]:
    """Return the decorator that notes which claim a driver violates."""

    def violates(claim: str) -> Callable[[type[ConformingDriver]], type[ConformingDriver]]:
        def note(driver: type[ConformingDriver]) -> type[ConformingDriver]:
            drivers.append((claim, driver))
            return driver

        return note

    return violates
