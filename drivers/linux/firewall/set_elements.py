"""Elements over nfnetlink, in atomic batches: 0.1 ms where a run of ``nft`` takes 4 to 20.

Packed here: pyroute2 0.9.7 writes 0 for the flag that ends an interval.
"""

import errno
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mynet.drivers.linux.firewall.elements import Element, Key, keys
from mynet.drivers.linux.firewall.ruleset import TABLE
from mynet.drivers.linux.netlink.attributes import attribute, find, nested
from mynet.drivers.linux.netlink.netlink_socket import NLM_F_CREATE, Netlink, Request

NETLINK_NETFILTER: Final = 12
NFPROTO_UNSPEC, NFPROTO_INET = 0, 1

_NFNL_SUBSYS_NFTABLES: Final = 10
_NEWSETELEM: Final = _NFNL_SUBSYS_NFTABLES << 8 | 12
_GETSETELEM: Final = _NFNL_SUBSYS_NFTABLES << 8 | 13
_DELSETELEM: Final = _NFNL_SUBSYS_NFTABLES << 8 | 14
_BATCH_BEGIN, _BATCH_END = 0x10, 0x11

_LIST_TABLE, _LIST_SET, _LIST_ELEMENTS = 1, 2, 3
_LIST_ELEM = _DATA_VALUE = 1
_ELEM_KEY, _ELEM_DATA, _ELEM_FLAGS, _ELEM_KEY_END = 1, 2, 3, 10
_INTERVAL_END = struct.pack("!I", 1)

_HEADER = struct.Struct("@IHHII")  # nlmsghdr; the socket fills in the last two
_NFGEN = struct.Struct("!BBH")  # family, version, resource

_MANY: Final = 128  # requests that any socket has room for
_GONE = frozenset({errno.ENOENT})  # the answer for an element, a set or a table that is not there
# That for a port that leads elsewhere. No two of ours do, so somebody has been at the map.
_OTHERWISE = frozenset({errno.EEXIST, errno.ENOTEMPTY})


@dataclass(frozen=True, slots=True)
class Change:
    """One element that is to come or to go."""

    element: Element
    add: bool


def commit(changes: Sequence[Change], sign: Callable[[int], object] = lambda _: None) -> bool:
    """Make the changes, all or none; False where the table is not there, or not as we left it.

    Adding what is there is success to the kernel. Removing what is gone is not, and spoils the
    batch: then the rest is asked again, until all of it applies. ``sign`` is told beforehand the
    port that the kernel names as the author when it notifies others.
    Like: ``nft -f -`` with ``add element`` and ``delete element``.
    """
    pending = [
        (change.add, _request(change, key))
        for change in changes
        for key in keys(change.element.value, change.element.data)
    ]
    with Netlink(NETLINK_NETFILTER) as nl:
        sign(nl.port)
        while pending:
            answers = _batch(nl, [request for _, request in pending])
            if not any(answers):
                break
            refused = [asked for asked, answer in zip(pending, answers, strict=True) if answer]
            if any(add for add, _ in refused):
                return False
            pending = [asked for asked in pending if asked not in refused]
    return True


def stands(element: Element) -> bool:
    """Say whether the element is there as it should be. Like: ``nft get element``."""
    return not any(absent([element]))


def absent(elements: Iterable[Element]) -> Iterator[Element]:
    """Yield those that are not there as they should be."""
    with Netlink(NETLINK_NETFILTER) as nl:
        for element in elements:
            if not all(_is_there(nl, element, key) for key in keys(element.value, element.data)):
                yield element


def _is_there(nl: Netlink, element: Element, key: Key) -> bool:
    """Say whether the kernel has the key, leading where it should.

    Where an interval ends and the next begins, the kernel does not find the end: the beginning will
    do, as it ends what is before it.
    """
    if _found(nl, element, key) == key:
        return True
    begins = replace(key, ends_interval=False)
    return key.ends_interval and _found(nl, element, begins).value == key.value


def _found(nl: Netlink, element: Element, key: Key) -> Key:
    """Look for a key: the one that the kernel has there, or an empty one."""
    answer = nl.get(_question(element, key))
    if answer is None:
        return Key(b"")
    body = memoryview(answer)[_HEADER.size + _NFGEN.size :]
    found = find(find(body, _LIST_ELEMENTS), _LIST_ELEM)
    value, data, end = (
        bytes(find(find(found, kind), _DATA_VALUE))
        for kind in (_ELEM_KEY, _ELEM_DATA, _ELEM_KEY_END)
    )
    return Key(value, data, end, bytes(find(found, _ELEM_FLAGS)) == _INTERVAL_END)


def _question(element: Element, key: Key) -> Request:
    body = _listed(element, _key(key))
    return Request(
        _message(_GETSETELEM, 0, body),
        f"look into the firewall's set {element.set}",
        f"table inet {TABLE}",
        _GONE,
    )


def _batch(nl: Netlink, requests: Sequence[Request]) -> tuple[int, ...]:
    """Ask for all or none; return the errno of each.

    Every answer counts: the first message of a batch that fails is acknowledged like a success.
    """
    begin, end = _mark(_BATCH_BEGIN), _mark(_BATCH_END)
    if len(requests) > _MANY:
        nl.make_room(*requests)
    return nl.ask(begin, *requests, end)[1:-1]


def _mark(kind: int) -> Request:
    """Begin or end a batch. Neither is acknowledged, but the beginning may be refused."""
    return Request(
        _message(kind, 0, _NFGEN.pack(NFPROTO_UNSPEC, 0, _NFNL_SUBSYS_NFTABLES)),
        "change the firewall",
        f"table inet {TABLE}",
        acknowledged=False,
    )


def _request(change: Change, key: Key) -> Request:
    """Like: nft add element inet mynet SET { KEY }, or delete."""
    name, element = change.element.set, _key(key)
    if not change.add:
        return Request(
            _message(_DELSETELEM, 0, _listed(change.element, element)),
            f"remove from the firewall's set {name}",
            f"table inet {TABLE}",
            _GONE,
        )
    if key.data:
        element += nested(_ELEM_DATA, attribute(_DATA_VALUE, key.data))
    return Request(
        _message(_NEWSETELEM, NLM_F_CREATE, _listed(change.element, element)),
        f"add to the firewall's set {name}",
        f"table inet {TABLE}",
        _GONE if change.element.data is None else _GONE | _OTHERWISE,
    )


def _key(key: Key) -> bytes:
    """Write what tells an element from the others of its set."""
    written = nested(_ELEM_KEY, attribute(_DATA_VALUE, key.value))
    if key.end:
        written += nested(_ELEM_KEY_END, attribute(_DATA_VALUE, key.end))
    if key.ends_interval:
        written += attribute(_ELEM_FLAGS, _INTERVAL_END)
    return written


def _listed(element: Element, attributes: bytes) -> bytes:
    """Write the list, of one element, that a message is about."""
    return (
        _NFGEN.pack(NFPROTO_INET, 0, 0)
        + attribute(_LIST_TABLE, TABLE.encode() + b"\0")
        + attribute(_LIST_SET, element.set.encode() + b"\0")
        + nested(_LIST_ELEMENTS, nested(_LIST_ELEM, attributes))
    )


def _message(kind: int, flags: int, body: bytes) -> bytes:
    return _HEADER.pack(_HEADER.size + len(body), kind, flags, 0, 0) + body
