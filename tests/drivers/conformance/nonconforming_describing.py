"""Drivers that each violate a claim about info, options or contradictions."""

from dataclasses import replace
from itertools import count
from typing import ClassVar

from mynet.drivers.api import DriverInfo, NetworkRequest, Option
from tests.drivers.conformance.conforming import ConformingDriver, Nonconforming, noting

NONCONFORMING: Nonconforming = []
violates = noting(NONCONFORMING)


@violates("info never changes")
class InfoChanges(ConformingDriver):
    numbers: ClassVar = count()

    @property
    def info(self) -> DriverInfo:
        return replace(super().info, name=f"conforming-{next(self.numbers)}")


@violates("info never changes")
class InfoDiffersBetweenObjects(ConformingDriver):
    @property
    def info(self) -> DriverInfo:
        return replace(super().info, capabilities=frozenset({str(id(self))}))


@violates("info never changes")
class HasNoName(ConformingDriver):
    @property
    def info(self) -> DriverInfo:
        return replace(super().info, name="")


@violates("info never changes")
class IsOfAnotherVersion(ConformingDriver):
    @property
    def info(self) -> DriverInfo:
        return replace(super().info, api_version=99)


def _with_options(*options: Option) -> property:
    def info(self: ConformingDriver) -> DriverInfo:
        return DriverInfo("conforming", options=options, device_prefix="snd-", port_prefix="snd")

    return property(info)


@violates("every option has a name and a description")
class NamesAnOptionTwice(ConformingDriver):
    info = _with_options(Option("quick", "yes or no"), Option("quick", "or not"))


@violates("every option has a name and a description")
class DescribesNoOption(ConformingDriver):
    info = _with_options(Option("quick", ""))


@violates("every option has a name and a description")
class RefusesWithoutASentence(ConformingDriver):
    info = _with_options(Option("quick", "yes or no", lambda _: ""))


@violates("change and contradictions answer in sentences")
class ForbidsChangesWithoutASentence(ConformingDriver):
    info = _with_options(Option("quick", "yes or no", change=lambda _before, _after: ""))


@violates("change and contradictions answer in sentences")
class ContradictsAnEmptyRequest(ConformingDriver):
    @property
    def info(self) -> DriverInfo:
        return replace(super().info, contradictions=_always_contradicting)


def _always_contradicting(_asked: NetworkRequest) -> dict[str, str]:
    return {"masquerade": "no"}
