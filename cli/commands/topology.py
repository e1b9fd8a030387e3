"""``mynetctl topology``."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import click

from mynet.cli import port_syntax
from mynet.cli.client import Session
from mynet.cli.commands.completion import network_names
from mynet.cli.options.shared import command, for_each
from mynet.cli.output import graph, render

Network = dict[str, Any]  # the message in JSON form, with the additional field "endpoints"

_GAP = "   "
# What precedes a branch, the last branch, and the lines below a branch.
_UNICODE_LINES = ("├── ", "└── ", "│   ")
_ASCII_LINES = ("|-- ", "`-- ", "|   ")


@command("topology", outputs=("tree", "dot", "mermaid", "json"))
@click.argument("names", nargs=-1, metavar="[NETWORK]...", shell_complete=network_names)
def topology(session: Session, *, names: Sequence[str]) -> None:
    """Draw networks and their containers.

    Without NETWORK, all networks are drawn. By default the drawing is a tree. --output dot is for
    Graphviz, --output mermaid for Markdown. In these graphs, a container on several networks is one
    node. NETWORK is a name, an id, or the beginning of an id. If one is not found, the others are
    still drawn, and the exit status is 1.

    \b
    Examples:
      mynetctl topology
      mynetctl topology --output dot | dot -Tsvg > networks.svg
      mynetctl topology blue red --output mermaid
    """
    networks, status = _named(session, names) if names else (_all(session), 0)
    if session.output == "json":
        render.document({"networks": networks})
    elif session.output in graph.WRITERS:
        write = graph.WRITERS[session.output]
        render.lines(write(networks, unicode=render.is_unicode()))
    else:
        render.lines(tree(networks, unicode=render.is_unicode()))
    raise SystemExit(status)


def _named(session: Session, names: Sequence[str]) -> tuple[list[Network], int]:
    """Return some networks with their endpoints, and the exit status."""

    def get(name: str) -> Network:
        network = session.call("NetworkService.GetNetwork", {"network": name})["network"]
        request = {"network": network["id"]}
        endpoints = session.pages("NetworkService.ListEndpoints", request, "endpoints")
        return {**network, "endpoints": endpoints}

    return for_each(list(dict.fromkeys(names)), get)


def _all(session: Session) -> list[Network]:
    """Return all networks with their endpoints."""
    networks: dict[str, Network] = {
        network["id"]: {**network, "endpoints": []}
        for network in session.pages("NetworkService.ListNetworks", {}, "networks")
    }
    for endpoint in session.pages("NetworkService.ListEndpoints", {}, "endpoints"):
        if endpoint["network_id"] in networks:  # its network may be newer than the list
            networks[endpoint["network_id"]]["endpoints"].append(endpoint)
    return list(networks.values())


@dataclass(frozen=True, slots=True)
class Branch:
    """A line of a tree, and the branches below it."""

    text: str
    branches: Sequence["Branch"] = ()


def tree(networks: Sequence[Network], *, unicode: bool) -> Iterator[str]:
    """Yield the lines of networks as trees, with colours."""
    for network in networks:
        branch = _network(network)
        yield branch.text
        yield from _below(branch, _UNICODE_LINES if unicode else _ASCII_LINES)


def _below(branch: Branch, lines: Sequence[str], indent: str = "") -> Iterator[str]:
    """Yield the lines below a branch."""
    fork, end, stem = lines
    for number, inner in enumerate(branch.branches, 1):
        is_last = number == len(branch.branches)
        yield indent + (end if is_last else fork) + inner.text
        yield from _below(inner, lines, indent + ("    " if is_last else stem))


def _network(network: Network) -> Branch:
    """Return a network's tree. Its endpoints are below its device, if it has one."""
    subnets = map(_subnet, network["subnets"])
    options = (f"{key}={value}" for key, value in sorted(network["options"].items()))
    words = (
        click.style(render.cell(network["name"]), bold=True),
        render.cell(network["driver"]),
        ", ".join(subnets),
        "internal" if network["internal"] else "",
        ", ".join(map(render.cell, options)),
        _unless_ready(network),
    )
    endpoints = tuple(map(_endpoint, network["endpoints"]))
    if network["interface"]:
        endpoints = (Branch(render.cell(network["interface"]), endpoints),)
    return Branch(_GAP.join(filter(None, words)), endpoints)


def _subnet(subnet: dict[str, Any]) -> str:
    gateway = subnet["gateway"]
    return f"{subnet['cidr']} gateway {gateway}" if gateway else subnet["cidr"]


def _endpoint(endpoint: dict[str, Any]) -> Branch:
    """Return an endpoint's branch, with its published ports below it."""
    words = (
        click.style(render.cell(endpoint["container_id"]), fg="green"),
        render.cell(endpoint["interface"]),
        ", ".join(endpoint["addresses"]),
        _unless_ready(endpoint),
    )
    published = tuple(Branch(port_syntax.format_port(port)) for port in endpoint["ports"])
    return Branch(_GAP.join(filter(None, words)), published)


def _unless_ready(record: dict[str, Any]) -> str:
    """Return the state of a network or endpoint, or nothing if it is ready."""
    state = render.state(record["state"])
    return "" if state == "ready" else click.style(state, fg="yellow")
