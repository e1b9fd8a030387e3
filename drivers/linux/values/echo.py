"""Packets that are sent to see whether an answer comes, as values."""

from dataclasses import dataclass

from mynet.drivers.api import IPAddress, Sandbox


@dataclass(frozen=True, slots=True)
class EchoRequest:
    """An ICMP echo request to send."""

    target: IPAddress
    # Where it is sent from, None for the host.
    sandbox: Sandbox | None = None
    # The device that it leaves by, "" for the one that the routes choose.
    interface: str = ""
    # The neighbour that it is handed to, if that is another than the target.
    hop: IPAddress | None = None
