"""The options of ``connect`` and ``run``, which both create an endpoint."""

from collections.abc import Callable
from typing import Any

import click

from mynet.cli.options import label_option, opt_option
from mynet.cli.port_syntax import publish_option

_IPV4 = 4
_IPV6 = 6


def _address_of_version(version: int) -> Callable[[click.Context, click.Parameter, str], str]:
    """Return a callback that refuses addresses of the other IP version."""

    def check(_context: click.Context, parameter: click.Parameter, value: str) -> str:
        if value and (":" in value) != (version == _IPV6):
            raise click.BadParameter(f"{value!r} is not an IPv{version} address", param=parameter)
        return value

    return check


def endpoint_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options for an endpoint's spec to a command."""
    for option in reversed(
        (
            click.option(
                "--ip",
                default="",
                metavar="ADDRESS",
                callback=_address_of_version(_IPV4),
                help="The IPv4 address. [default: any free one]",
            ),
            click.option(
                "--ip6",
                default="",
                metavar="ADDRESS",
                callback=_address_of_version(_IPV6),
                help="The IPv6 address. [default: any free one]",
            ),
            click.option(
                "--address-owner",
                default="",
                metavar="OWNER",
                help="The owner that has the address from `ipam allocate`. The endpoint takes it"
                " over.",
            ),
            click.option(
                "--interface",
                default="",
                metavar="DEVICE",
                help="The name of the interface in the sandbox. [default: the first free of eth0,"
                " eth1, ...]",
            ),
            click.option(
                "--mac-address",
                default="",
                metavar="MAC",
                help="The MAC address. [default: from the first address]",
            ),
            click.option(
                "--gw-priority",
                "gateway_priority",
                type=int,
                default=0,
                metavar="NUMBER",
                help="Of several networks, the sandbox has its default route on the one with the"
                " highest number, -1000 to 1000. Among equals it is the one connected first."
                " [default: 0]",
            ),
            publish_option,
            label_option,
            opt_option,
        )
    ):
        function = option(function)
    return function


def connect_request(network: str, container: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Return a ConnectRequest for the values of :func:`endpoint_options` and other fields."""
    addresses = [address for address in (fields.pop("ip"), fields.pop("ip6")) if address]
    return {"network": network, "container_id": container, "addresses": addresses, **fields}
