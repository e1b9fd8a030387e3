"""What the firewall's tables must and may have, by the records."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mynet.drivers.linux.values.desired import NetworkRules
from mynet.drivers.linux.values.endpoint_rules import Attachment, EndpointRules


@dataclass(frozen=True, slots=True)
class ExpectedTables:
    """The tables by the records. They may have nothing else."""

    # Whose tables they are.
    instance: str
    # The networks that the tables must have.
    networks: Sequence[NetworkRules]
    # The networks that the tables may have.
    possible: Sequence[NetworkRules]
    # The endpoints that the tables may have.
    endpoints: Sequence[EndpointRules] = ()
    # The ports, and their bridges, that the tables may have anything about.
    unfinished: Collection[Attachment] = ()
    # The MAC and IP addresses, as text, that the tables may have anything about.
    detached: Collection[str] = ()
