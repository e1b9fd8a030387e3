"""Drivers that each violate a claim about conditions, survey, orphans or audit."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from mynet.drivers.api import Call, Condition, DriverContext, ExpectedState, Network, Orphan
from mynet.drivers.errors import KernelError
from tests.drivers.conformance.conforming import ConformingDriver, Kernel, Nonconforming, noting

NONCONFORMING: Nonconforming = []
violates = noting(NONCONFORMING)


@violates("conditions names only the given networks")
class NamesAnotherNetwork(ConformingDriver):
    def conditions(
        self, call: Call, networks: Sequence[Network]
    ) -> Mapping[str, Sequence[Condition]]:
        return {"another": [Condition("It is old.", "Make a new one.")]}


@violates("conditions names only the given networks")
class GivesNoRemedy(ConformingDriver):
    def conditions(
        self, call: Call, networks: Sequence[Network]
    ) -> Mapping[str, Sequence[Condition]]:
        return {each.id: [Condition("It is old.", "")] for each in networks}


@violates("conditions names only the given networks")
class DeletesWhatItInspects(ConformingDriver):
    def conditions(
        self, call: Call, networks: Sequence[Network]
    ) -> Mapping[str, Sequence[Condition]]:
        for network in networks:
            self.delete(call, network)
        return {}


@violates("survey names what is damaged")
class ReportsNoDamage(ConformingDriver):
    def survey(self, call: Call, networks: Sequence[Network]) -> Collection[str]:
        return []


@violates("survey names what is damaged")
class ReportsAllAsDamaged(ConformingDriver):
    def survey(self, call: Call, networks: Sequence[Network]) -> Collection[str]:
        return [*(each.id for network in networks for each in network.endpoints), networks[0].id]


@violates("survey names what is damaged")
class SurveysNetworksAlone(ConformingDriver):
    def survey(self, call: Call, networks: Sequence[Network]) -> Collection[str]:
        return super().survey(call, [replace(each, endpoints=()) for each in networks])


@violates("audit accepts what is on record")
class AuditsFromMemory(ConformingDriver):
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


@violates("audit accepts what is on record")
class ForgetsWhatIsUnfinished(ConformingDriver):
    def audit(self, call: Call, expected: ExpectedState) -> Sequence[str]:
        known = {network.id for network in expected.networks}
        return [f"{each} has no record." for each in self.kernel.networks if each not in known]


@violates("orphans lists only objects without a record")
class TakesAllForOrphans(ConformingDriver):
    def orphans(self, call: Call, known: Collection[str]) -> Sequence[Orphan]:
        return super().orphans(call, set())


@violates("orphans lists only objects without a record")
class DiscardsNothing(ConformingDriver):
    def discard(self, call: Call, orphan: Orphan) -> None:
        pass


@violates("orphans lists only objects without a record")
class RefusesToDiscardTwice(ConformingDriver):
    def discard(self, call: Call, orphan: Orphan) -> None:
        if orphan not in self.orphans(call, set()):
            raise KernelError("it does not exist")
        super().discard(call, orphan)
