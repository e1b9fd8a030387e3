"""Graphs for Graphviz and Mermaid. Nodes are networks and containers, edges are endpoints.

A container on several networks is one node, so that the graph shows what connects them. Nodes have
numbers as identifiers, because a name may have any characters. Names appear only in labels.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from mynet.cli import port_syntax


@dataclass(frozen=True, slots=True)
class Syntax:
    """How a language writes a graph."""

    # The lines before the nodes, and the lines after the edges.
    head: Sequence[str]
    tail: Sequence[str]
    # Templates. The fields of a node are its identifier and its label. Those of an edge are the
    # identifiers of its network and its container, and its label.
    network: str
    container: str
    edge: str
    # What separates the lines of a label.
    line_break: str
    # Return a character of a label, escaped if it has a meaning there.
    escape: Callable[[str], str]
    # A template of a character that the output cannot print. The field is its code point.
    code_point: str


def _draw(syntax: Syntax, networks: Sequence[Mapping[str, Any]], *, unicode: bool) -> Iterator[str]:
    """Yield the lines of the graph of networks, each with its ``endpoints``."""

    def written(char: str) -> str:
        is_printable = char.isprintable() and (unicode or char.isascii())
        return syntax.escape(char) if is_printable else syntax.code_point.format(ord(char))

    def label(*lines: str) -> str:
        return syntax.line_break.join("".join(map(written, line)) for line in lines)

    containers: dict[str, str] = {}
    edges: list[str] = []
    yield from syntax.head
    for number, network in enumerate(networks, 1):
        device = [network["interface"]] if network["interface"] else []
        cidrs = [subnet["cidr"] for subnet in network["subnets"]]
        yield syntax.network.format(f"n{number}", label(network["name"], *device, *cidrs))
        for endpoint in network["endpoints"]:
            name = endpoint["container_id"]
            container = containers.setdefault(name, f"c{len(containers) + 1}")
            ports = map(port_syntax.format_port, endpoint["ports"])
            text = label(endpoint["interface"], *endpoint["addresses"], *ports)
            edges.append(syntax.edge.format(f"n{number}", container, text))
    for name, container in containers.items():
        yield syntax.container.format(container, label(name))
    yield from edges
    yield from syntax.tail


def _escape_for_mermaid(char: str) -> str:
    """Escape a character also from Markdown: "1. one" would become a list."""
    return char if char.isalnum() or char in "_.:/-" else f"#{ord(char)};"


# Source: https://graphviz.org/doc/info/lang.html
_DOT = Syntax(
    head=("graph mynet {", "  rankdir=LR"),
    tail=("}",),
    network='  {} [shape=box, label="{}"]',
    container='  {} [shape=ellipse, label="{}"]',
    edge='  {} -- {} [label="{}"]',
    line_break=r"\n",
    escape=lambda char: {"\\": r"\\", '"': r"\"", "&": "&amp;"}.get(char, char),
    code_point="&#{};",
)
# Source: https://mermaid.js.org/syntax
_MERMAID = Syntax(
    head=("flowchart LR",),
    tail=(),
    network='  {}["{}"]',
    container='  {}(["{}"])',
    edge='  {0} ---|"{2}"| {1}',
    line_break="<br>",
    escape=_escape_for_mermaid,
    code_point="#{};",
)

dot = partial(_draw, _DOT)
mermaid = partial(_draw, _MERMAID)
WRITERS: Mapping[str, Callable[..., Iterator[str]]] = {"dot": dot, "mermaid": mermaid}
