"""The syntax of published ports: ``[HOST_IP:][HOST_PORT:]PORT[-LAST][/PROTOCOL]``.

It is the syntax of ``docker run --publish``. The host's range is as long as the container's, and
an IPv6 address is in brackets.
"""

import re
from collections.abc import Sequence
from typing import Any

import click

_PROTOCOLS = ("tcp", "udp", "sctp")
_LAST_PORT = 65535
_RANGE = r"\d+(?:-\d+)?"
_PUBLISH = re.compile(
    r"(?:(?P<address>\[[^\[\]/]*\]|[^:\[\]/]*):(?=.*:))?"
    rf"(?:(?P<host>{_RANGE})?:)?"
    rf"(?P<container>{_RANGE})"
    r"(?:/(?P<protocol>[a-z]+))?"
)


def format_ports(ports: Sequence[dict[str, Any]]) -> str:
    """Return the ports of an endpoint as ``docker ps`` prints them, the host's first."""
    return ",".join(map(format_port, ports))


def format_port(port: dict[str, Any]) -> str:
    """Return one PortMapping as ``docker ps`` prints it: "0.0.0.0:8080->80/tcp"."""
    address = port["host_ip"]
    host = f"[{address}]:" if ":" in address else f"{address}:" if address else ""
    container = _format_range(port["container_port"], port["count"])
    protocol = port["protocol"].removeprefix("PROTOCOL_").lower()
    return f"{host}{_format_range(port['host_port'], port['count'])}->{container}/{protocol}"


def _format_range(first: int, count: int) -> str:
    return str(first) if count <= 1 else f"{first}-{first + count - 1}"


def parse_port(text: str) -> dict[str, Any]:
    """Parse a value of ``--publish`` into a PortMapping. It is a type for click's options."""
    match = _PUBLISH.fullmatch(text.lower())
    if match is None:
        raise click.BadParameter(
            f"{text!r} is not [HOST_IP:][HOST_PORT:]PORT[-LAST][/PROTOCOL], with an IPv6 address"
            " in brackets"
        )
    protocol = match["protocol"] or "tcp"
    if protocol not in _PROTOCOLS:
        raise click.BadParameter(f"{text!r}: {protocol} is not tcp, udp or sctp")
    container, count = _parse_range(text, match["container"])
    mapping = {"protocol": f"PROTOCOL_{protocol.upper()}", "container_port": container}
    if match["host"]:
        mapping["host_port"], host_count = _parse_range(text, match["host"])
        if host_count != count:
            raise click.BadParameter(
                f"{text!r} has {host_count} ports of the host for {count} of the container;"
                " both ranges must have the same length"
            )
    if match["address"]:
        mapping["host_ip"] = match["address"].strip("[]")
    return {**mapping, "count": count} if count > 1 else mapping


def _parse_range(text: str, ports: str) -> tuple[int, int]:
    """Parse ``9000`` or ``9000-9010`` into the first port and the number of ports."""
    start, dash, end = ports.partition("-")
    first = int(start)
    last = int(end) if dash else first
    if not 0 < first <= last <= _LAST_PORT:
        raise click.BadParameter(
            f"{text!r}: {ports} is not a port or an ascending range within 1-{_LAST_PORT}"
        )
    return first, last - first + 1


publish_option = click.option(
    "-p",
    "--publish",
    "ports",
    multiple=True,
    metavar="PORTS",
    type=parse_port,
    help="Publish ports: [HOST_IP:][HOST_PORT:]PORT[-LAST][/PROTOCOL], with tcp, udp or sctp."
    " Without HOST_PORT mynetd chooses one. May be repeated.",
)
