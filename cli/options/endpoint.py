"""The options of ``connect`` and ``run``, which both create an endpoint."""

from typing import Any

import click

from mynet.cli.options.shared import label_option, opt_option, together
from mynet.cli.port_syntax import publish_option


def _address(_context: click.Context, parameter: click.Parameter, value: str) -> str:
    """Refuse an address of the other IP version."""
    wanted = "IPv6" if parameter.name == "ip6" else "IPv4"
    if value and wanted != ("IPv6" if ":" in value else "IPv4"):
        raise click.BadParameter(f"{value!r} is not an {wanted} address")
    return value


# A decorator that adds the options for an endpoint's spec to a command.
endpoint_options = together(
    click.option(
        "--ip",
        default="",
        metavar="ADDRESS",
        callback=_address,
        help="The IPv4 address. [default: any free one]",
    ),
    click.option(
        "--ip6",
        default="",
        metavar="ADDRESS",
        callback=_address,
        help="The IPv6 address. [default: any free one]",
    ),
    click.option(
        "--address-owner",
        default="",
        metavar="OWNER",
        help="The owner that has the address from `ipam allocate`. The endpoint takes it over.",
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


def connect_request(network: str, container: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Return a ConnectRequest for the values of :func:`endpoint_options` and other fields."""
    addresses = [address for address in (fields.pop("ip"), fields.pop("ip6")) if address]
    return {"network": network, "container_id": container, "addresses": addresses, **fields}
