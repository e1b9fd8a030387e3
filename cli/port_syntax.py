"""Published ports as people write them, ``[HOST_IP:][HOST_PORT:]PORT[-LAST][/PROTOCOL]``, and back.

The grammar is that of ``docker run --publish``. A range of the host is as long as that of the
container, and an IPv6 address stands in brackets.
"""

import re
from collections.abc import Sequence
from typing import Any

import click

_PROTOCOLS = ("tcp", "udp", "sctp")
_LAST_PORT = 65535
_SPAN = r"\d+(?:-\d+)?"
_PUBLISH = re.compile(
    r"(?:(?P<address>\[[^\[\]/]*\]|[^:\[\]/]*):(?=.*:))?"
    rf"(?:(?P<host>{_SPAN})?:)?"
    rf"(?P<container>{_SPAN})"
    r"(?:/(?P<protocol>[a-z]+))?"
)


def read_ports(
    _context: click.Context, parameter: click.Parameter, given: Sequence[str]
) -> list[dict[str, Any]]:
    """Read every value of an option like ``--publish``."""
    return [_mapping(each, parameter) for each in given]


publish_option = click.option(
    "-p",
    "--publish",
    "ports",
    multiple=True,
    metavar="PORTS",
    callback=read_ports,
    help="Ports of the host that lead here: [HOST_IP:][HOST_PORT:]PORT[-LAST][/PROTOCOL], tcp, udp"
    " or sctp. Without HOST_PORT one is chosen. May be repeated.",
)


def shown(ports: Sequence[dict[str, Any]]) -> str:
    """Write an endpoint's ports in the manner of ``docker ps``, the host's first."""
    return ",".join(map(written, ports))


def _mapping(given: str, parameter: click.Parameter) -> dict[str, Any]:
    found = _PUBLISH.fullmatch(given.lower())
    if found is None:
        raise click.BadParameter(
            f"{given!r} is not [HOST_IP:][HOST_PORT:]PORT[-LAST][/PROTOCOL], with an IPv6 address"
            " in brackets",
            param=parameter,
        )
    protocol = found["protocol"] or "tcp"
    if protocol not in _PROTOCOLS:
        raise click.BadParameter(f"{given!r}: {protocol} is not tcp, udp or sctp", param=parameter)
    container, count = _span(given, found["container"], parameter)
    mapping = {"protocol": f"PROTOCOL_{protocol.upper()}", "container_port": container}
    if found["host"]:
        mapping["host_port"], many = _span(given, found["host"], parameter)
        if many != count:
            raise click.BadParameter(
                f"{given!r} has {many} ports of the host for {count} of the container",
                param=parameter,
            )
    if found["address"]:
        mapping["host_ip"] = found["address"].strip("[]")
    return {**mapping, "count": count} if count > 1 else mapping


def _span(given: str, words: str, parameter: click.Parameter) -> tuple[int, int]:
    """Read ``9000`` or ``9000-9010``: the first port, and how many there are."""
    start, dash, end = words.partition("-")
    first = int(start)
    last = int(end) if dash else first
    if not 0 < first <= last <= _LAST_PORT:
        raise click.BadParameter(
            f"{given!r}: {words} does not go up from 1 to {_LAST_PORT} at most", param=parameter
        )
    return first, last - first + 1


def written(port: dict[str, Any]) -> str:
    """Write one published port, or a range: the host's, and where it leads."""
    address = port["host_ip"]
    host = f"[{address}]:" if ":" in address else f"{address}:" if address else ""
    leads_to = _numbers(port["container_port"], port["count"])
    protocol = port["protocol"].removeprefix("PROTOCOL_").lower()
    return f"{host}{_numbers(port['host_port'], port['count'])}->{leads_to}/{protocol}"


def _numbers(first: int, count: int) -> str:
    return str(first) if count <= 1 else f"{first}-{first + count - 1}"
