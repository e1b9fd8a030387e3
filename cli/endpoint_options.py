"""What an endpoint should have: the options of all commands that make one, and the request."""

from collections.abc import Callable
from typing import Any

import click

from mynet.cli.options import label_option, opt_option
from mynet.cli.port_syntax import publish_option


def _of_version(version: int) -> Callable[[click.Context, click.Parameter, str], str]:
    """Make the check that an address is none of the other IP version."""

    def check(_context: click.Context, parameter: click.Parameter, value: str) -> str:
        if value and (":" in value) != (version == 6):  # noqa: PLR2004 - the IP version
            raise click.BadParameter(f"{value!r} is no IPv{version} address", param=parameter)
        return value

    return check


def endpoint_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say what an endpoint should have."""
    for option in reversed(
        (
            click.option(
                "--ip",
                default="",
                metavar="ADDRESS",
                callback=_of_version(4),
                help="The IPv4 address wanted.",
            ),
            click.option(
                "--ip6",
                default="",
                metavar="ADDRESS",
                callback=_of_version(6),
                help="The IPv6 address wanted.",
            ),
            click.option(
                "--address-owner",
                default="",
                metavar="OWNER",
                help="An address wanted may be one that this owner got from `ipam allocate`.",
            ),
            click.option(
                "--interface",
                default="",
                metavar="DEVICE",
                help="The device inside. [default: the first free of eth0, eth1, ...]",
            ),
            click.option(
                "--mac-address", default="", metavar="MAC", help="The MAC address wanted."
            ),
            click.option(
                "--gw-priority",
                "gateway_priority",
                type=int,
                default=0,
                metavar="NUMBER",
                help="Of its networks, a sandbox leaves by the one with the highest number, -1000"
                " to 1000; among equals, by the first. [default: 0]",
            ),
            publish_option,
            label_option,
            opt_option,
        )
    ):
        function = option(function)
    return function


def connect_request(network: str, container: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Make a ConnectRequest out of :func:`endpoint_options` and whatever else is a field of it."""
    wanted = [fields.pop("ip"), fields.pop("ip6")]
    addresses = [address for address in wanted if address]
    return {"network": network, "container_id": container, "addresses": addresses, **fields}
