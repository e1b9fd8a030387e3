"""Graphs for Graphviz and Mermaid. Nodes are networks and containers, edges are endpoints.

A container on several networks is one node, so that the graph shows what connects them. Nodes have
numbers as identifiers, because a name may have any characters. Names appear only in labels.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mynet.cli import port_syntax

Label = Sequence[str]  # its lines


@dataclass(frozen=True, slots=True)
class Edge:
    """An endpoint: the nodes that it connects, and its label."""

    network: str
    container: str
    label: Label


@dataclass(frozen=True, slots=True)
class Graph:
    """The labels of networks and containers by their nodes, and the edges between them."""

    networks: Mapping[str, Label]
    containers: Mapping[str, Label]
    edges: Sequence[Edge]

    @classmethod
    def of(cls, networks: Sequence[Mapping[str, Any]]) -> "Graph":
        """Return the graph of networks, each with its ``endpoints``, in the same order."""
        ends = [
            (f"n{number}", endpoint)
            for number, network in enumerate(networks, 1)
            for endpoint in network["endpoints"]
        ]
        names = dict.fromkeys(endpoint["container_id"] for _, endpoint in ends)
        nodes = {name: f"c{number}" for number, name in enumerate(names, 1)}
        return cls(
            {f"n{number}": _of_network(network) for number, network in enumerate(networks, 1)},
            {node: [name] for name, node in nodes.items()},
            [
                Edge(node, nodes[endpoint["container_id"]], _of_endpoint(endpoint))
                for node, endpoint in ends
            ],
        )


def _of_network(network: Mapping[str, Any]) -> Label:
    device = [network["interface"]] if network["interface"] else []
    return [network["name"], *device, *(subnet["cidr"] for subnet in network["subnets"])]


def _of_endpoint(endpoint: Mapping[str, Any]) -> Label:
    published = map(port_syntax.format_port, endpoint["ports"])
    return [endpoint["interface"], *endpoint["addresses"], *published]


def dot(networks: Sequence[Mapping[str, Any]], *, unicode: bool) -> Iterator[str]:
    """Yield the lines of a graph for Graphviz. Source: https://graphviz.org/doc/info/lang.html."""

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
    """Yield the lines of a flowchart for Mermaid. Source: https://mermaid.js.org/syntax."""

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
    r"""Return a text escaped for a label, where quotes, \N and &amp; have a meaning."""
    escapes = {"\\": r"\\", '"': r"\"", "&": "&amp;"}
    return "".join(
        escapes.get(char, char) if _is_printable(char, unicode=unicode) else f"&#{ord(char)};"
        for char in text
    )


def _for_mermaid(text: str, *, unicode: bool) -> str:
    """Return a text escaped for a label, also from Markdown: "1. one" would become a list."""
    return "".join(
        char
        if _is_printable(char, unicode=unicode) and (char.isalnum() or char in "_.:/-")
        else f"#{ord(char)};"
        for char in text
    )


def _is_printable(char: str, *, unicode: bool) -> bool:
    """Return whether the output can print a character."""
    return char.isprintable() and (unicode or char.isascii())


WRITERS: Mapping[str, Callable[..., Iterator[str]]] = {"dot": dot, "mermaid": mermaid}
