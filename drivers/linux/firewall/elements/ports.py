"""The elements of published ports: where the host's ports lead, and which packets leave by them.

A published port is also the source of the packets that its endpoint sends from there. If a port of
an endpoint is published several times, its packets leave by the first of them.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Final

from mynet.drivers.linux.firewall.elements.element import Element
from mynet.drivers.linux.values.ports import Forward, UsedPort

# The beginnings of the names of the sets and maps by which packets leave. Their keys have the
# endpoint's address.
SOURCES: Final = ("pubsrc", "leaves")

# The sets that have the ports of the host's own programs.
PROGRAMS: Final = frozenset({"programs4", "programs6"})

# The sets that have a port once, although several endpoints publish it at different addresses.
HELD: Final = frozenset({"held4", "held6"})

# A published port or range in the firewall. The first element leads to the endpoint, and only one
# endpoint can have it. The others go with it.
Group = Sequence[Element]


def used_elements(ports: Iterable[UsedPort]) -> Iterator[Element]:
    """Yield the elements of ports that programs of the host use."""
    for port in ports:
        yield Element(f"programs{port.version}", (port.protocol, port.number))


def published(forwards: Iterable[Forward]) -> Iterator[Element]:
    """Return the elements of published ports of one endpoint."""
    groups = chain.from_iterable(groups for _, groups in by_forward(forwards))
    return chain.from_iterable(groups)


def by_forward(ports: Iterable[Forward]) -> Iterator[tuple[Forward, Sequence[Group]]]:
    """Yield each forward of an endpoint with its elements.

    A range with the same numbers on both sides is one group. Any other range has a group for each
    port, because an interval can lead to a single number only.
    """
    leaving: dict[tuple[object, object], set[int]] = {}
    for forward in ports:
        taken = leaving.setdefault((forward.target, forward.protocol), set())
        if forward.count > 1 and forward.host_port == forward.target_port:
            yield forward, [list(_range(forward, taken))]
        else:
            yield (
                forward,
                [list(_single(forward, number, taken)) for number in range(forward.count)],
            )


def _range(forward: Forward, taken: set[int]) -> Iterator[Element]:
    """Yield the elements of a range. ``taken`` has the endpoint's ports that others leave by."""
    version, protocol = forward.target.version, forward.protocol
    ports = range(forward.host_port, forward.host_port + forward.count)
    source = (forward.target, protocol, ports)
    leaves = forward.is_source and taken.isdisjoint(ports)
    taken.update(ports if leaves else ())
    if forward.host is None:
        yield Element(f"pubr_{protocol.value}{version}", ports, forward.target)
        yield Element(f"heldr{version}", (protocol, ports))
        if leaves:
            yield Element(f"pubsrcr{version}", source)
    else:
        yield Element(f"pubipr{version}", (forward.host, protocol, ports), forward.target)
        # Ranges at different addresses may overlap, and those of a set must not.
        for port in ports if forward.is_source else ():
            yield Element(f"held{version}", (protocol, port))
        if leaves:
            yield Element(f"pubsrcipr{version}", source, forward.host)
            yield Element(f"pubsrcr{version}", source)


def _single(forward: Forward, number: int, taken: set[int]) -> Iterator[Element]:
    """Yield the elements of one port of a forward."""
    version, protocol = forward.target.version, forward.protocol
    port, target_port = forward.host_port + number, forward.target_port + number
    source = (forward.target, protocol, target_port)
    leaves = forward.is_source and target_port not in taken
    taken.update([target_port] if leaves else ())
    if forward.host is None:
        yield Element(f"pub{version}", (protocol, port), (forward.target, target_port))
        if leaves:
            yield Element(f"pubsrc{version}", source, port)
    else:
        host = (forward.host, protocol, port)
        yield Element(f"pubip{version}", host, (forward.target, target_port))
        if leaves:
            yield Element(f"pubsrcip{version}", source, (forward.host, port))
    if forward.is_source:
        yield Element(f"held{version}", (protocol, port))
    if leaves:
        yield Element(f"leaves{version}", (forward.target, protocol, port))
