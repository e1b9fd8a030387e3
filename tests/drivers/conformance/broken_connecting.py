"""Drivers that each break a claim about endpoints that are connected and disconnected."""

from collections.abc import Sequence
from dataclasses import replace

from mynet.drivers.api import Call, Endpoint
from mynet.drivers.errors import InterfaceExists, KernelError, SandboxNotFound
from tests.drivers.conformance.sound import Broken, SoundDriver, noting

BROKEN: Broken = []
breaks = noting(BROKEN)


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
