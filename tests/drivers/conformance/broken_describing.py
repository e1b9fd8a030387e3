"""Drivers that each break a claim about what a driver says of itself."""

from dataclasses import replace
from itertools import count
from typing import ClassVar

from mynet.drivers.api import DriverInfo, NetworkRequest, Option
from tests.drivers.conformance.sound import Broken, SoundDriver, noting

BROKEN: Broken = []
breaks = noting(BROKEN)


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


def _contradicted_by_nothing(_asked: NetworkRequest) -> dict[str, str]:
    return {"masquerade": "no"}
