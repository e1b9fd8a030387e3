"""Packets that show whether an answer comes."""

from collections.abc import Sequence
from typing import Protocol

from mynet.drivers.linux.values.echo import EchoRequest


class Probes(Protocol):
    """Packets that are sent to see whether an answer comes."""

    def echo(self, requests: Sequence[EchoRequest], deadline: float) -> Sequence[str | None]:
        """Send ICMP echo requests; return for each why no answer came, "" if one did.

        It is None for a request that was not sent because the deadline, in seconds of
        :func:`time.monotonic`, was over.
        """
