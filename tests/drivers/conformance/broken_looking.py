"""Drivers that each break a claim about what a driver sees."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from mynet.drivers.api import Call, Condition, DriverContext, ExpectedState, Network, Orphan
from mynet.drivers.errors import KernelError
from tests.drivers.conformance.sound import Broken, Kernel, SoundDriver, noting

BROKEN: Broken = []
breaks = noting(BROKEN)


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

    def audit(self, call: Call, expected: ExpectedState) -> Sequence[str]:
        return [
            f"{each.id} was never made." for each in expected.networks if each.id not in self.made
        ]


@breaks("an audit finds nothing amiss with what is on record")
class ForgetsWhatIsUnfinished(SoundDriver):
    def audit(self, call: Call, expected: ExpectedState) -> Sequence[str]:
        known = {network.id for network in expected.networks}
        return [f"{each} is nobody's." for each in self.kernel.networks if each not in known]


@breaks("orphans are what no record knows")
class TakesAllForStrays(SoundDriver):
    def orphans(self, call: Call, known: Collection[str]) -> Sequence[Orphan]:
        return super().orphans(call, set())


@breaks("orphans are what no record knows")
class DiscardsNothing(SoundDriver):
    def discard(self, call: Call, orphan: Orphan) -> None:
        pass


@breaks("orphans are what no record knows")
class DiscardsOnlyWhatIsThere(SoundDriver):
    def discard(self, call: Call, orphan: Orphan) -> None:
        if orphan not in self.orphans(call, set()):
            raise KernelError("it is gone already")
        super().discard(call, orphan)
