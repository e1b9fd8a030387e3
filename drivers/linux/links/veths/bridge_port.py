"""How bridges treat the outer ends of endpoints: flags of the port, and the MAC address behind it.

A bridge knows the MAC address of a guarded endpoint by a static entry, and learns nothing from the
endpoint. So the endpoint can neither take the MAC address of another, nor fill the forwarding
database, nor send with another MAC address than its own. The bridge learns from an endpoint that is
not guarded, such as one with a bridge of its own inside.
"""

import errno
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from mynet.drivers.linux.links.lookup import GONE
from mynet.drivers.linux.netlink.links import fdb_requests, link_requests
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.values.bridge_port import DEFAULT_PORT
from mynet.drivers.linux.values.desired import Veth
from mynet.drivers.linux.values.observed import Snapshot

_NO_ENTRY: Final = frozenset({errno.ENOENT, errno.ENODEV})


def new_port(veth: Veth, index: int) -> Iterator[Request]:
    """Yield requests that complete a port before it is up.

    The kernel accepts none of them in the message that creates a link.
    """
    if veth.port != DEFAULT_PORT:
        yield _set_flags(veth, index)
    if veth.guarded:
        yield _add_entry(veth, index)


def change_port(veth: Veth, index: int) -> Iterator[Request]:
    """Yield requests that change a port, whatever it was before."""
    yield _set_flags(veth, index)
    yield _add_entry(veth, index) if veth.guarded else _delete_entry(veth, index)


def inspect_port(nl: Netlink, veth: Veth, seen: Snapshot) -> Snapshot:
    """Return a snapshot with the endpoint's entry in the bridge's forwarding database."""
    if seen.outer is None or not seen.outer.master:
        return seen
    message = fdb_requests.get(seen.outer.index, veth.mac)
    doing = f"look up {veth.mac} in {seen.master}"
    reply = nl.get(Request(message, doing, f"interface {seen.outer.name}", _NO_ENTRY))
    entry = fdb_requests.read_static(reply) if reply else None
    if entry is None or entry[0] != seen.outer.index:
        return seen
    return replace(seen, static_macs=frozenset({entry[1]}))


def static_macs(nl: Netlink) -> dict[int, frozenset[str]]:
    """Return the MAC addresses of all static and sticky entries, by the index of the port.

    A bridge has its own MAC address by its own index.
    """
    replies = nl.dump(Request(fdb_requests.get_all(), "list MAC addresses", "bridges"))
    macs: dict[int, frozenset[str]] = {}
    for reply in replies:
        if entry := fdb_requests.read_static(reply) or fdb_requests.read_local(reply):
            port, mac = entry
            macs[port] = macs.get(port, frozenset()) | {mac}
    return macs


def _set_flags(veth: Veth, index: int) -> Request:
    message = link_requests.set_bridge_port(index, veth.port)
    doing = f"set how {veth.bridge} treats {veth.name}"
    return Request(message, doing, f"interface {veth.name}", GONE)


def _add_entry(veth: Veth, index: int) -> Request:
    message = fdb_requests.add_static(index, veth.mac)
    doing = f"add {veth.mac} at {veth.name} to the forwarding database of {veth.bridge}"
    return Request(message, doing, f"interface {veth.name}", GONE)


def _delete_entry(veth: Veth, index: int) -> Request:
    message = fdb_requests.delete(index, veth.mac)
    doing = f"delete {veth.mac} at {veth.name} from the forwarding database of {veth.bridge}"
    return Request(message, doing, f"interface {veth.name}", _NO_ENTRY)
