"""All attacks of single frames."""

from tests.e2e.support.hostile import neighbours, spoofing
from tests.e2e.support.hostile.scene import Attack, Scene

_KINDS = (
    spoofing.forged_sources,
    spoofing.forged_macs,
    spoofing.wrapped,
    spoofing.protocols,
    neighbours.arp,
    neighbours.discovery,
    neighbours.services,
    neighbours.other_ethertypes,
)


def campaign(scene: Scene) -> list[Attack]:
    """Return the attacks that a tenant can make in this scene."""
    return [attack for kind in _KINDS for attack in kind(scene)]
