"""The option of a network that says by which uplink replies of its published ports leave.

::

    reply_by_ingress    false    replies leave by the uplink that their request came in by
"""

from collections.abc import Iterator, Mapping
from typing import Final

from mynet.drivers.api import Option, changeable
from mynet.drivers.bridge.options.values import true_or_false

REPLY_BY_INGRESS: Final = "reply_by_ingress"

REPLY_OPTION: Final = Option(
    REPLY_BY_INGRESS,
    "true or false (the default): whether replies of published ports leave by the uplink that the"
    " request came in by",
    true_or_false,
    changeable,
)


def replies_by_ingress(given: Mapping[str, str]) -> bool:
    """Return whether options that have passed their checks ask for it."""
    return given.get(REPLY_BY_INGRESS) == "true"


def without_uplinks(given: Mapping[str, str], *, internal: bool) -> Iterator[tuple[str, str]]:
    """Yield the option where the network has no uplink, with a sentence."""
    if internal and replies_by_ingress(given):
        yield REPLY_BY_INGRESS, "an internal network has no uplinks; leave it out"
