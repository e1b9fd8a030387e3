"""A host and a driver in memory. A test can make the driver fail or hang."""

import itertools
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from mynet.drivers.api import (
    Call,
    Condition,
    Driver,
    DriverInfo,
    Endpoint,
    Network,
    NetworkUpdate,
    Option,
    Orphan,
    Sandbox,
    changeable,
)
from mynet.drivers.errors import InterfaceExists, SandboxNotFound
from mynet.drivers.linux.fake.control import Control
from mynet.drivers.linux.fake.ports import FakePorts
from mynet.ipam.api import IPNetwork
from tests.server.support.faulty.faults import Trouble

HERE = 0  # the "cookie" of the daemon's own namespace
NO_OWNER = ""  # who owns a device that is not the daemon's


class FakeHost:
    """Namespaces by path with the devices in each, by name, and whose they are; and the ports."""

    def __init__(self) -> None:
        self.mtu = 1500
        self.routes: list[IPNetwork] = []  # where its addresses and routes lead
        self.paths: dict[str, int] = {}
        self._guard = threading.Lock()  # of `paths` and `_devices`
        self.ports = FakePorts(Control())
        self.sandboxes = self.links = self.host = self  # the subjects whose methods it has
        self._devices: dict[int, dict[str, str]] = {HERE: {"lo": NO_OWNER, "eth0": NO_OWNER}}
        self._cookies = itertools.count(2**63)  # real ones have 64 bits and no sign

    def add_sandbox(self, name: str, *devices: str) -> str:
        """Like: ip netns add NAME. Return its path; a path that is there leads to a new one."""
        path = f"/run/netns/{name}"
        self.remove_sandbox(path)
        with self._guard:
            self.paths[path] = cookie = next(self._cookies)
            self._devices[cookie] = dict.fromkeys(("lo", *devices), NO_OWNER)
        return path

    def add_device(self, name: str) -> None:
        """Like: ip link add NAME type dummy."""
        with self._guard:
            self._devices[HERE][name] = NO_OWNER

    def remove_sandbox(self, path: str) -> None:
        """Like: ip netns delete NAME."""
        with self._guard:
            if path in self.paths:
                del self._devices[self.paths.pop(path)]

    def move_sandbox(self, path: str, to: str) -> None:
        """Move a sandbox to another path."""
        with self._guard:
            self.paths[to] = self.paths.pop(path)

    def devices(self) -> dict[int, dict[str, str]]:
        """Return whose each device is, by namespace and name."""
        with self._guard:
            return {cookie: dict(names) for cookie, names in self._devices.items()}

    def take(self, cookie: int, device: str, owner: str) -> None:
        """Create a device, unless its owner has created it already."""
        with self._guard:
            if self._devices[cookie].setdefault(device, owner) != owner:
                raise InterfaceExists(f"{device} is not ours", resource=f"interface {device}")

    def give(self, owner: str) -> None:
        """Delete all devices of an owner."""
        with self._guard:
            for devices in self._devices.values():
                for name in [name for name, whose in devices.items() if whose == owner]:
                    del devices[name]

    def identify(self, path: str) -> Sandbox:
        with self._guard:
            if path not in self.paths:
                raise SandboxNotFound(f"{path} leads nowhere", resource=f"sandbox {path}")
            return Sandbox(path, self.paths[path])

    def exists(self, sandbox: Sandbox) -> bool:
        with self._guard:
            return sandbox.cookie in self._devices

    def locate(self, sandboxes: Iterable[Sandbox]) -> Mapping[int, str]:
        with self._guard:
            cookies = {sandbox.cookie for sandbox in sandboxes}
            return {cookie: path for path, cookie in self.paths.items() if cookie in cookies}

    def foreign_devices(self, instance: str) -> Sequence[str]:
        return []

    def free_name(self, sandbox: Sandbox, names: Iterable[str]) -> str:
        with self._guard:
            return next(name for name in names if name not in self._devices.get(sandbox.cookie, {}))

    def has_device(self, name: str) -> bool:
        return name in self.devices()[HERE]

    def ip_versions(self) -> frozenset[int]:
        return frozenset({4, 6})

    def uplink_mtu(self) -> int:
        return self.mtu

    def occupied_subnets(self) -> Sequence[IPNetwork]:
        return self.routes


class FakeDriver(Driver):
    """Makes dictionary entries. ``networks`` and ``endpoints`` are what is in the kernel."""

    def __init__(self, host: FakeHost, name: str = "bridge") -> None:
        self.trouble = Trouble()
        self.networks: dict[str, Network] = {}
        self.endpoints: dict[str, Endpoint] = {}
        self._problems: Sequence[str] = ()  # of each endpoint, until it is connected again
        self._repaired: set[str] = set()
        self.is_hopeless = False  # whether connecting again changes none of the problems
        self.walls: Mapping[str, Condition] = {}  # what is in the way of a network, by its name
        self.looks: list[Sequence[str]] = []  # the networks of each look at conditions
        self.restored: Sequence[Endpoint] = ()  # those that the last restore was told of
        self._host = host
        self._guard = threading.RLock()
        self._info = DriverInfo(
            name,
            capabilities=frozenset({"ports", "ipv6"}),
            options=(
                Option("icc", "whether endpoints reach each other", _true_or_false, changeable),
                Option("vlan", "the tag"),
            ),
            endpoint_options=(Option("rate", "the limit", _number),),
            device_prefix="br-",
            port_prefix="veth",
        )

    @property
    def info(self) -> DriverInfo:
        return self._info

    def create(self, call: Call, network: Network) -> None:
        with self.trouble.at("create", call), self._guard:
            self._host.take(HERE, network.interface, network.id)
            self.networks[network.id] = network

    def delete(self, call: Call, network: Network) -> None:
        with self.trouble.at("delete", call), self._guard:
            self._host.give(network.id)
            self.networks.pop(network.id, None)

    def connect(self, call: Call, endpoint: Endpoint) -> None:
        with self.trouble.at("connect", call), self._guard:
            cookie = endpoint.sandbox.cookie if endpoint.sandbox else HERE
            path = endpoint.sandbox.path if endpoint.sandbox else ""
            if path and self._host.paths.get(path) != cookie:
                raise SandboxNotFound(f"{path} leads elsewhere", resource=f"sandbox {path}")
            self._host.take(cookie, endpoint.interface, endpoint.id)
            self._host.take(HERE, endpoint.host_interface, endpoint.id)
            self.endpoints[endpoint.id] = endpoint
            self._repaired.add(endpoint.id)

    def disconnect(self, call: Call, endpoint: Endpoint) -> None:
        with self.trouble.at("disconnect", call), self._guard:
            self._host.give(endpoint.id)
            self.endpoints.pop(endpoint.id, None)

    def check(self, call: Call, endpoint: Endpoint) -> Sequence[str]:
        with self.trouble.at("check", call):
            is_repaired = endpoint.id in self._repaired and not self.is_hopeless
            return () if is_repaired else self._problems

    @property
    def problems(self) -> Sequence[str]:
        """What is wrong with each endpoint, until it is connected again."""
        return self._problems

    @problems.setter
    def problems(self, problems: Sequence[str]) -> None:
        self._problems = problems
        self._repaired.clear()

    def update(self, call: Call, update: NetworkUpdate) -> None:
        with self.trouble.at("update", call), self._guard:
            self.networks[update.network.id] = update.network
            for endpoint in update.endpoints:
                if endpoint.id in self.endpoints:
                    self.endpoints[endpoint.id] = endpoint

    def update_endpoint(self, call: Call, endpoint: Endpoint) -> None:
        with self.trouble.at("update_endpoint", call), self._guard:
            if endpoint.id in self.endpoints:
                self.endpoints[endpoint.id] = endpoint

    def check_network(self, call: Call, network: Network) -> Sequence[str]:
        with self.trouble.at("check_network", call), self._guard:
            return () if network.id in self.networks else (f"{network.interface} is not there.",)

    def conditions(
        self, call: Call, networks: Sequence[Network]
    ) -> Mapping[str, Sequence[Condition]]:
        with self.trouble.at("conditions", call):
            self.looks.append([network.name for network in networks])
            return {
                network.id: [self.walls[network.name]]
                for network in networks
                if network.name in self.walls
            }

    def orphans(self, call: Call, known: Collection[str]) -> Sequence[Orphan]:
        with self.trouble.at("orphans", call), self._guard:
            return [
                Orphan(each, f"thing {each}")
                for each in (*self.networks, *self.endpoints)
                if each not in known
            ]

    def discard(self, call: Call, orphan: Orphan) -> None:
        with self.trouble.at("discard", call), self._guard:
            self._host.give(orphan.id)
            self.networks.pop(orphan.id, None)
            self.endpoints.pop(orphan.id, None)

    def restore(self, call: Call, networks: Sequence[Network]) -> None:
        with self.trouble.at("restore", call), self._guard:
            self.networks = {network.id: replace(network, endpoints=()) for network in networks}
            self.restored = [endpoint for each in networks for endpoint in each.endpoints]


def _true_or_false(value: str) -> str | None:
    return None if value in {"true", "false"} else "is neither true nor false"


def _number(value: str) -> str | None:
    return None if value.isdecimal() else "is not a number"
