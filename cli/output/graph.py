"""Networks as graphs, in languages that others draw: networks and containers, joined by endpoints.

A container that is on several networks is one node, so that the graph shows what joins them. Nodes
are numbered, as names may be anything; what is anybody's own words stands in labels alone.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mynet.cli import port_syntax

Label = Sequence[str]  # a line each


@dataclass(frozen=True, slots=True)
class Edge:
    """An endpoint: from which node to which, and what is said of it."""

    network: str
    container: str
    label: Label


@dataclass(frozen=True, slots=True)
class Graph:
    """What is to be drawn: the labels of networks and containers by their nodes, and endpoints."""

    networks: Mapping[str, Label]
    containers: Mapping[str, Label]
    edges: Sequence[Edge]

    @classmethod
    def of(cls, networks: Sequence[Mapping[str, Any]]) -> "Graph":
        """Make the graph of networks that each have their endpoints; nodes are in their order."""
        ends = [
            (f"n{place}", one)
            for place, network in enumerate(networks, 1)
            for one in network["endpoints"]
        ]
        names = dict.fromkeys(endpoint["container_id"] for _, endpoint in ends)
        nodes = {name: f"c{place}" for place, name in enumerate(names, 1)}
        return cls(
            {f"n{place}": _of_network(one) for place, one in enumerate(networks, 1)},
            {node: [name] for name, node in nodes.items()},
            [Edge(node, nodes[one["container_id"]], _of_endpoint(one)) for node, one in ends],
        )


def _of_network(network: Mapping[str, Any]) -> Label:
    device = [network["interface"]] if network["interface"] else []
    return [network["name"], *device, *(subnet["cidr"] for subnet in network["subnets"])]


def _of_endpoint(endpoint: Mapping[str, Any]) -> Label:
    published = map(port_syntax.written, endpoint["ports"])
    return [endpoint["interface"], *endpoint["addresses"], *published]


def dot(networks: Sequence[Mapping[str, Any]], *, unicode: bool) -> Iterator[str]:
    """Write a graph for Graphviz, line by line. Source: https://graphviz.org/doc/info/lang.html."""

    def label(lines: Label) -> str:
        return '"' + r"\n".join(_for_dot(line, unicode=unicode) for line in lines) + '"'

    graph = Graph.of(networks)
    yield "graph mynet {"
    yield "  rankdir=LR"
    for node, lines in graph.networks.items():
        yield f"  {node} [shape=box, label={label(lines)}]"
    for node, lines in graph.containers.items():
        yield f"  {node} [shape=ellipse, label={label(lines)}]"
    for edge in graph.edges:
        yield f"  {edge.network} -- {edge.container} [label={label(edge.label)}]"
    yield "}"


def mermaid(networks: Sequence[Mapping[str, Any]], *, unicode: bool) -> Iterator[str]:
    """Write a flowchart for Mermaid, line by line. Source: https://mermaid.js.org/syntax."""

    def label(lines: Label) -> str:
        return '"' + "<br>".join(_for_mermaid(line, unicode=unicode) for line in lines) + '"'

    graph = Graph.of(networks)
    yield "flowchart LR"
    for node, lines in graph.networks.items():
        yield f"  {node}[{label(lines)}]"
    for node, lines in graph.containers.items():
        yield f"  {node}([{label(lines)}])"
    for edge in graph.edges:
        yield f"  {edge.network} ---|{label(edge.label)}| {edge.container}"


def _for_dot(text: str, *, unicode: bool) -> str:
    r"""Write a text as part of a label: it ends at a quote, and knows \N and &amp; otherwise."""
    known = {"\\": r"\\", '"': r"\"", "&": "&amp;"}
    return "".join(
        known.get(sign, sign) if _is_shown(sign, unicode=unicode) else f"&#{ord(sign)};"
        for sign in text
    )


def _for_mermaid(text: str, *, unicode: bool) -> str:
    """Write a text as part of a label: as it is only what Mermaid and Markdown see nothing in.

    "1. one" would be a list, for one.
    """
    return "".join(
        sign
        if _is_shown(sign, unicode=unicode) and (sign.isalnum() or sign in "_.:/-")
        else f"#{ord(sign)};"
        for sign in text
    )


def _is_shown(sign: str, *, unicode: bool) -> bool:
    """Say whether a sign can stand for itself where the graph is written to."""
    return sign.isprintable() and (unicode or sign.isascii())


WRITERS: Mapping[str, Callable[..., Iterator[str]]] = {"dot": dot, "mermaid": mermaid}
