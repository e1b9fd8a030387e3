"""Drivers that each break the contract in one way, and which claim of the suite must see it."""

import os
import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import ClassVar

from mynet.drivers.api import (
    Asked,
    Call,
    Condition,
    DriverContext,
    DriverInfo,
    Endpoint,
    Ledger,
    Network,
    NetworkUpdate,
    Option,
    PortMapping,
    Stray,
)
from mynet.drivers.errors import InterfaceExists, KernelError, SandboxNotFound
from tests.drivers.sound import Kernel, SoundDriver

BROKEN: list[tuple[str, type[SoundDriver]]] = []


def breaks(claim: str) -> Callable[[type[SoundDriver]], type[SoundDriver]]:
    """Note which claim a driver breaks."""

    def note(driver: type[SoundDriver]) -> type[SoundDriver]:
        BROKEN.append((claim, driver))
        return driver

    return note


@breaks("info is the same every time")
class InfoChanges(SoundDriver):
    numbers: ClassVar = count()

    @property
    def info(self) -> DriverInfo:
        return replace(super().info, name=f"sound-{next(self.numbers)}")


@breaks("info is the same every time")
class InfoDiffersBetweenObjects(SoundDriver):
    @property
    def info(self) -> DriverInfo:
        return replace(super().info, capabilities=frozenset({str(id(self))}))


@breaks("info is the same every time")
class HasNoName(SoundDriver):
    @property
    def info(self) -> DriverInfo:
        return replace(super().info, name="")


@breaks("info is the same every time")
class IsOfAnotherVersion(SoundDriver):
    @property
    def info(self) -> DriverInfo:
        return replace(super().info, api_version=99)


def _with_options(*options: Option) -> property:
    def info(self: SoundDriver) -> DriverInfo:
        return DriverInfo("sound", options=options, device_prefix="snd-", port_prefix="snd")

    return property(info)


@breaks("options are named and described")
class NamesAnOptionTwice(SoundDriver):
    info = _with_options(Option("quick", "yes or no"), Option("quick", "or not"))


@breaks("options are named and described")
class DescribesNoOption(SoundDriver):
    info = _with_options(Option("quick", ""))


@breaks("options are named and described")
class RefusesWithoutASentence(SoundDriver):
    info = _with_options(Option("quick", "yes or no", lambda _: ""))


@breaks("changes and contradictions are said in sentences")
class ForbidsChangesWithoutASentence(SoundDriver):
    info = _with_options(Option("quick", "yes or no", change=lambda _before, _after: ""))


@breaks("changes and contradictions are said in sentences")
class IsContradictedByNothing(SoundDriver):
    @property
    def info(self) -> DriverInfo:
        return replace(super().info, contradictions=_contradicted_by_nothing)


def _contradicted_by_nothing(_asked: Asked) -> dict[str, str]:
    return {"masquerade": "no"}


@breaks("creating twice is creating once")
class CreatesOnlyOnce(SoundDriver):
    def create(self, call: Call, network: Network) -> None:
        if network.id in self.kernel.networks:
            raise InterfaceExists(f"{network.interface} is there already")
        super().create(call, network)


@breaks("creating twice is creating once")
class CountsNetworks(SoundDriver):
    def __init__(self, context: DriverContext, kernel: Kernel) -> None:
        super().__init__(context, kernel)
        self.counts: Counter[str] = Counter()

    def create(self, call: Call, network: Network) -> None:
        super().create(call, network)
        self.counts[network.id] += 1

    def delete(self, call: Call, network: Network) -> None:
        super().delete(call, network)
        self.counts[network.id] -= 1
        if self.counts[network.id] > 0:
            raise KernelError("it is still in use")


@breaks("deleting what is gone is success")
class DeletesOnlyWhatIsThere(SoundDriver):
    def delete(self, call: Call, network: Network) -> None:
        self.kernel.networks.remove(network.id)


@breaks("connecting twice is connecting once")
class ConnectsOnlyOnce(SoundDriver):
    def connect(self, call: Call, endpoint: Endpoint) -> None:
        if endpoint.host_interface in self.kernel.links:
            raise InterfaceExists(f"{endpoint.host_interface} is there already")
        super().connect(call, endpoint)


@breaks("connecting twice is connecting once")
class TurnsRound(SoundDriver):
    def connect(self, call: Call, endpoint: Endpoint) -> None:
        if endpoint.host_interface in self.kernel.links:
            self.disconnect(call, endpoint)
        else:
            super().connect(call, endpoint)


@breaks("connecting twice is connecting once")
class ConnectsNothing(SoundDriver):
    def connect(self, call: Call, endpoint: Endpoint) -> None:
        pass


@breaks("disconnecting what is gone is success")
class DisconnectsOnlyWhatIsThere(SoundDriver):
    def disconnect(self, call: Call, endpoint: Endpoint) -> None:
        del self.kernel.links[endpoint.host_interface]


@breaks("a disconnected endpoint is missed")
class IsBlind(SoundDriver):
    def check(self, call: Call, endpoint: Endpoint) -> Sequence[str]:
        return []


@breaks("a disconnected endpoint is missed")
class DisconnectsNothing(SoundDriver):
    def disconnect(self, call: Call, endpoint: Endpoint) -> None:
        pass


@breaks("a disconnected endpoint is missed")
class SaysNothingOfWhatIsWrong(SoundDriver):
    def check(self, call: Call, endpoint: Endpoint) -> Sequence[str]:
        return [""] * len(super().check(call, endpoint))


@breaks("names are free after disconnecting")
class KeepsNames(SoundDriver):
    def disconnect(self, call: Call, endpoint: Endpoint) -> None:
        if self.kernel.links.get(endpoint.host_interface) == endpoint.id:
            self.kernel.links[endpoint.host_interface] = f"{endpoint.id}, gone"

    def connect(self, call: Call, endpoint: Endpoint) -> None:
        if self.kernel.links.get(endpoint.host_interface) == f"{endpoint.id}, gone":
            del self.kernel.links[endpoint.host_interface]
        super().connect(call, endpoint)


@breaks("ports are published and missed")
class PublishesNothing(SoundDriver):
    def connect(self, call: Call, endpoint: Endpoint) -> None:
        super().connect(call, replace(endpoint, ports=()))


@breaks("ports are published and missed")
class IsBlindToPorts(SoundDriver):
    def unpublished(self, endpoint: Endpoint) -> Sequence[str]:
        return []


@breaks("ports are published and missed")
class PublishesForEver(SoundDriver):
    def connect(self, call: Call, endpoint: Endpoint) -> None:
        super().connect(call, replace(endpoint, ports=endpoint.ports or self.old(endpoint)))

    def disconnect(self, call: Call, endpoint: Endpoint) -> None:
        old = self.old(endpoint)
        super().disconnect(call, endpoint)
        self.kernel.ports[endpoint.id] = old

    def old(self, endpoint: Endpoint) -> Sequence[PortMapping]:
        return self.kernel.ports.get(endpoint.id, ())


@breaks("updating an endpoint changes its ports")
class KeepsItsPorts(SoundDriver):
    def update_endpoint(self, call: Call, endpoint: Endpoint) -> None:
        pass


@breaks("updating an endpoint changes its ports")
class AddsPorts(SoundDriver):
    def update_endpoint(self, call: Call, endpoint: Endpoint) -> None:
        before = self.kernel.ports.get(endpoint.id, ())
        super().update_endpoint(call, replace(endpoint, ports=(*before, *endpoint.ports)))


@breaks("restoring publishes the ports it is told of")
class RestoresNoPorts(SoundDriver):
    def restore(self, call: Call, networks: Sequence[Network]) -> None:
        super().restore(call, [replace(network, endpoints=()) for network in networks])


@breaks("restoring publishes the ports it is told of")
class LeavesPorts(SoundDriver):
    def restore(self, call: Call, networks: Sequence[Network]) -> None:
        before = dict(self.kernel.ports)
        super().restore(call, networks)
        self.kernel.ports = before | self.kernel.ports


@breaks("disconnecting works when the network is gone")
class LooksForTheNetwork(SoundDriver):
    def disconnect(self, call: Call, endpoint: Endpoint) -> None:
        is_there = endpoint.network.id in self.kernel.networks
        if endpoint.host_interface in self.kernel.links and not is_there:
            raise KernelError(f"there is no network {endpoint.network.name}")
        super().disconnect(call, endpoint)


@breaks("a lost sandbox is said to be lost")
class ConnectsTheLost(SoundDriver):
    def connect(self, call: Call, endpoint: Endpoint) -> None:
        super().connect(call, replace(endpoint, sandbox=None))


@breaks("a lost sandbox is said to be lost")
class ForgetsToTranslate(SoundDriver):
    def connect(self, call: Call, endpoint: Endpoint) -> None:
        try:
            super().connect(call, endpoint)
        except SandboxNotFound as error:
            raise FileNotFoundError(str(error)) from error


@breaks("a lost sandbox is said to be lost")
class CannotCheckTheLost(SoundDriver):
    def check(self, call: Call, endpoint: Endpoint) -> Sequence[str]:
        if endpoint.sandbox and endpoint.sandbox.path.startswith("/proc/0/"):
            raise SandboxNotFound("there is no process 0")
        return super().check(call, endpoint)


@breaks("an endpoint without its network fails cleanly")
class RaisesAKeyError(SoundDriver):
    def connect(self, call: Call, endpoint: Endpoint) -> None:
        if endpoint.network.id not in self.kernel.networks:
            raise KeyError(endpoint.network.id)
        super().connect(call, endpoint)


@breaks("networks outlive the driver")
class RemembersInItself(SoundDriver):
    def __init__(self, context: DriverContext, kernel: Kernel) -> None:
        super().__init__(context, Kernel())


@breaks("networks outlive the driver")
class TidiesUpAtTheEnd(SoundDriver):
    def close(self) -> None:
        self.kernel.networks.clear()
        self.kernel.links.clear()


@breaks("restoring makes what is not there")
class RestoresNothing(SoundDriver):
    def restore(self, call: Call, networks: Sequence[Network]) -> None:
        pass


@breaks("networks outlive the driver")
class RestoresOnlyWhatIsGone(SoundDriver):
    def restore(self, call: Call, networks: Sequence[Network]) -> None:
        if {network.id for network in networks} & self.kernel.networks:
            raise InterfaceExists("there is something already")
        super().restore(call, networks)


@breaks("updating twice is updating once")
class LosesEndpointsWhenUpdated(SoundDriver):
    def update(self, call: Call, update: NetworkUpdate) -> None:
        for endpoint in update.endpoints:
            self.disconnect(call, endpoint)


@breaks("updating twice is updating once")
class ConnectsWhenUpdated(SoundDriver):
    def update(self, call: Call, update: NetworkUpdate) -> None:
        for endpoint in update.endpoints:
            self.connect(call, endpoint)


@breaks("a network that was made is whole")
class FindsFaultWithEveryNetwork(SoundDriver):
    def check_network(self, call: Call, network: Network) -> Sequence[str]:
        return ["It has no colour."]


@breaks("conditions are of networks that were asked about")
class TellsOfOthers(SoundDriver):
    def conditions(
        self, call: Call, networks: Sequence[Network]
    ) -> Mapping[str, Sequence[Condition]]:
        return {"another": [Condition("It is old.", "Make a new one.")]}


@breaks("conditions are of networks that were asked about")
class TellsOfWallsWithoutWords(SoundDriver):
    def conditions(
        self, call: Call, networks: Sequence[Network]
    ) -> Mapping[str, Sequence[Condition]]:
        return {each.id: [Condition("It is old.", "")] for each in networks}


@breaks("conditions are of networks that were asked about")
class TakesAwayWhatItLooksAt(SoundDriver):
    def conditions(
        self, call: Call, networks: Sequence[Network]
    ) -> Mapping[str, Sequence[Condition]]:
        for network in networks:
            self.delete(call, network)
        return {}


@breaks("a survey names what is damaged")
class SuspectsNobody(SoundDriver):
    def survey(self, call: Call, networks: Sequence[Network]) -> Collection[str]:
        return []


@breaks("a survey names what is damaged")
class SuspectsEverybody(SoundDriver):
    def survey(self, call: Call, networks: Sequence[Network]) -> Collection[str]:
        return [*(each.id for network in networks for each in network.endpoints), networks[0].id]


@breaks("a survey names what is damaged")
class SurveysNetworksAlone(SoundDriver):
    def survey(self, call: Call, networks: Sequence[Network]) -> Collection[str]:
        return super().survey(call, [replace(each, endpoints=()) for each in networks])


@breaks("an audit finds nothing amiss with what is on record")
class AuditsByWhatItRemembers(SoundDriver):
    def __init__(self, context: DriverContext, kernel: Kernel) -> None:
        super().__init__(context, kernel)
        self.made: set[str] = set()

    def create(self, call: Call, network: Network) -> None:
        super().create(call, network)
        self.made.add(network.id)

    def audit(self, call: Call, ledger: Ledger) -> Sequence[str]:
        return [
            f"{each.id} was never made." for each in ledger.networks if each.id not in self.made
        ]


@breaks("an audit finds nothing amiss with what is on record")
class ForgetsWhatIsUnfinished(SoundDriver):
    def audit(self, call: Call, ledger: Ledger) -> Sequence[str]:
        known = {network.id for network in ledger.networks}
        return [f"{each} is nobody's." for each in self.kernel.networks if each not in known]


@breaks("strays are what no record knows")
class TakesAllForStrays(SoundDriver):
    def strays(self, call: Call, known: Collection[str]) -> Sequence[Stray]:
        return super().strays(call, set())


@breaks("strays are what no record knows")
class DiscardsNothing(SoundDriver):
    def discard(self, call: Call, stray: Stray) -> None:
        pass


@breaks("strays are what no record knows")
class DiscardsOnlyWhatIsThere(SoundDriver):
    def discard(self, call: Call, stray: Stray) -> None:
        if stray not in self.strays(call, set()):
            raise KernelError("it is gone already")
        super().discard(call, stray)


@breaks("closing lets go of descriptors and threads")
class LeaksDescriptors(SoundDriver):
    opened: ClassVar[list[int]] = []

    def connect(self, call: Call, endpoint: Endpoint) -> None:
        super().connect(call, endpoint)
        self.opened.append(os.open("/dev/null", os.O_RDONLY))


@breaks("closing lets go of descriptors and threads")
class LeaksThreads(SoundDriver):
    end: ClassVar = threading.Event()
    started: ClassVar[list[threading.Thread]] = []

    def connect(self, call: Call, endpoint: Endpoint) -> None:
        super().connect(call, endpoint)
        self.started.append(threading.Thread(target=self.end.wait))
        self.started[-1].start()


@breaks("closing lets go of descriptors and threads")
class WatchesForEver(LeaksThreads):
    def connect(self, call: Call, endpoint: Endpoint) -> None:
        SoundDriver.connect(self, call, endpoint)

    def watch(self, call: Call, alarm: Callable[[Collection[str]], None]) -> None:
        self.started.append(threading.Thread(target=self.end.wait))
        self.started[-1].start()


@breaks("many threads connect at once")
class TakesOneAtATime(SoundDriver):
    together: ClassVar = threading.Barrier(2)

    def connect(self, call: Call, endpoint: Endpoint) -> None:
        if endpoint.network.name == "conformance-2":  # which this claim alone makes
            self.together.wait(timeout=10)
            raise KernelError("two at once")
        super().connect(call, endpoint)
