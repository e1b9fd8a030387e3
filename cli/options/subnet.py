"""The options of ``network create`` for subnets, and the specs that they make."""

from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from typing import Any

import click

from mynet.cli.options.shared import reserved_option, together

# A decorator that adds the options for the subnets of a network to a command.
subnet_options = together(
    click.option(
        "--subnet",
        "subnets",
        multiple=True,
        metavar="CIDR",
        help="A subnet, IPv4 or IPv6. 10.1.0.1/24 also sets the gateway; 0.0.0.0/26 takes"
        " any free subnet of that size. May be repeated. [default: one of each family from"
        " the daemon's pools]",
    ),
    click.option(
        "--gateway",
        "gateways",
        multiple=True,
        metavar="ADDRESS",
        help="The host's address in the subnet that contains it, or outside all of them, such as"
        " fe80::1. May be repeated. [default: the first address of each subnet]",
    ),
    click.option(
        "--ip-range",
        "ranges",
        multiple=True,
        metavar="ADDRESSES",
        help="Choose addresses only from this range of the subnet that contains it. May be"
        " repeated. [default: the whole subnet]",
    ),
    reserved_option,
)


def subnet_specs(
    cidrs: Sequence[str], gateways: Sequence[str], ranges: Sequence[str], reserved: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the specs of subnets, each with the gateway, range and reservations that it contains.

    An address in none of them goes to the first of its IP version that has none yet. Raises
    click.UsageError if no subnet is left for a value.
    """
    specs: list[dict[str, Any]] = [{"cidr": cidr} for cidr in cidrs]
    for option, field, values in (
        ("--gateway", "gateway", gateways),
        ("--ip-range", "range", ranges),
    ):
        for value in values:
            free = [spec for spec in _containing(specs, value) if field not in spec]
            if not free:
                raise click.UsageError(
                    f"{option} {value}: there is no --subnet left for it; give one for each value"
                )
            free[0][field] = value
    for value in reserved:
        if not specs:
            raise click.UsageError(f"--reserved {value}: there is no --subnet for it; give one")
        _containing(specs, value)[0].setdefault("reserved", []).append(value)
    return specs


def _containing(specs: list[dict[str, Any]], addresses: str) -> list[dict[str, Any]]:
    first = addresses.partition("-")[0].partition("/")[0]
    return (
        [spec for spec in specs if _contains(spec["cidr"], first)]
        or [spec for spec in specs if (":" in spec["cidr"]) == (":" in first)]
        or specs
    )


def _contains(cidr: str, address: str) -> bool:
    try:
        return ip_address(address) in ip_network(cidr, strict=False)
    except ValueError:
        return False
