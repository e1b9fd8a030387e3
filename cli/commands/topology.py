"""``mynetctl topology``: networks, their devices, who is on them, and published ports, drawn."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import click

from mynet.cli import port_syntax
from mynet.cli.client import Session
from mynet.cli.commands.completion import network_names
from mynet.cli.options import command, each
from mynet.cli.output import graph, render

Network = dict[str, Any]  # in the API's JSON form, with its endpoints as one more field

_GAP = "   "


@command("topology", outputs=("tree", "dot", "mermaid", "json"))
@click.argument("names", nargs=-1, metavar="[NETWORK]...", shell_complete=network_names)
def topology(session: Session, *, names: Sequence[str]) -> None:
    """Draw networks, their devices, and who is on them; without NETWORK all there are.

    In the terminal it is a tree. --output dot is for Graphviz, --output mermaid for Markdown: there
    a container that is on several networks is drawn once. NETWORK is a name, an id, or the
    beginning of an id; one that is not found does not keep the others, and the exit status is 1.

    \b
    Examples:
      mynetctl topology
      mynetctl topology --output dot | dot -Tsvg > networks.svg
      mynetctl topology blue red --output mermaid
    """
    found, status = _named(session, names) if names else (_all(session), 0)
    if session.output == "json":
        render.document({"networks": found})
    elif session.output in graph.WRITERS:
        write = graph.WRITERS[session.output]
        render.lines(write(found, unicode=render.is_unicode()))
    else:
        render.lines(tree(found, unicode=render.is_unicode()))
    raise SystemExit(status)


def _named(session: Session, names: Sequence[str]) -> tuple[list[Network], int]:
    """Ask for some networks with their endpoints; return the exit status too."""

    def look(name: str) -> Network:
        network = session.call("NetworkService.GetNetwork", {"network": name})["network"]
        wanted = {"network": network["id"]}
        endpoints = session.pages("NetworkService.ListEndpoints", wanted, "endpoints")
        return {**network, "endpoints": endpoints}

    return each(list(dict.fromkeys(names)), look)


def _all(session: Session) -> list[Network]:
    """Ask for all networks and all endpoints, and put them together."""
    networks = session.pages("NetworkService.ListNetworks", {}, "networks")
    together: dict[str, Network] = {one["id"]: {**one, "endpoints": []} for one in networks}
    for endpoint in session.pages("NetworkService.ListEndpoints", {}, "endpoints"):
        if endpoint["network_id"] in together:  # or the network was made just now
            together[endpoint["network_id"]]["endpoints"].append(endpoint)
    return list(together.values())


@dataclass(frozen=True, slots=True)
class Branch:
    """A line of a tree, and what hangs on it."""

    text: str
    branches: Sequence["Branch"] = ()


def tree(networks: Sequence[Network], *, unicode: bool) -> Iterator[str]:
    """Draw networks as trees, line by line, in colours that click takes out again."""
    for network in networks:
        branch = _network(network)
        yield branch.text
        yield from _below(branch, "├── └── │   " if unicode else "|-- `-- |   ")


def _below(branch: Branch, signs: str, before: str = "") -> Iterator[str]:
    """Draw what hangs on a branch; ``signs`` are those of a branch, the last one, and a stem."""
    fork, end, stem = signs[:4], signs[4:8], signs[8:]
    for number, each_branch in enumerate(branch.branches, 1):
        is_last = number == len(branch.branches)
        yield before + (end if is_last else fork) + each_branch.text
        yield from _below(each_branch, signs, before + ("    " if is_last else stem))


def _network(network: Network) -> Branch:
    """Make a network's tree; its device, where it has one, is what all endpoints hang on."""
    subnets = (f"{one['cidr']} gateway {one['gateway']}" for one in network["subnets"])
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


def _endpoint(endpoint: dict[str, Any]) -> Branch:
    """Make an endpoint's branch; its published ports hang on it."""
    words = (
        click.style(render.cell(endpoint["container_id"]), fg="green"),
        render.cell(endpoint["interface"]),
        ", ".join(endpoint["addresses"]),
        _unless_ready(endpoint),
    )
    published = tuple(Branch(port_syntax.written(port)) for port in endpoint["ports"])
    return Branch(_GAP.join(filter(None, words)), published)


def _unless_ready(found: dict[str, Any]) -> str:
    """Say a state that is worth a look."""
    state = render.state(found["state"])
    return "" if state == "ready" else click.style(state, fg="yellow")
