"""One netlink socket, one conversation: requests go out together, every reply is read.

A thread opens a socket for each kernel operation and closes it afterwards (10 us). Threads share
nothing, so none waits for a lock, and a thread that ends leaves no descriptor behind. A socket
belongs to the namespace where it was made, wherever its thread goes afterwards.
"""

import errno
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Self

from mynet.drivers.linux import netns
from mynet.drivers.linux.kernel_errors import refusals, refused, too_many
from mynet.drivers.linux.netlink import header as nlmsg
from mynet.drivers.linux.netlink import interface_ioctls, replies
from mynet.drivers.linux.netlink.socket_buffers import set_receive_buffer, set_send_buffer

_SOL_NETLINK, _NETLINK_CAP_ACK, _NETLINK_EXT_ACK, _NETLINK_GET_STRICT_CHK = 270, 10, 11, 12
_BUFFER = 1 << 16  # bytes; the kernel fills at most half of it with one reply
_ATTEMPTS = 10  # at a list that other programs keep changing
_AT_ONCE = 32  # objects to ask for in one datagram; a reply may take a page of the buffer
_REFUSAL = 1 << 11  # bytes that a refusal takes in the buffer of its socket


@dataclass(frozen=True, slots=True)
class Request:
    """A message, and what the error says if the kernel refuses it."""

    message: bytes
    # An infinitive: "add address 10.1.0.2/24 to eth0".
    doing: str
    # The object that the request is about.
    resource: str
    # The errnos that are a reply and not an error.
    forgive: frozenset[int] = frozenset()
    # Whether the kernel replies on success; it always replies on refusal.
    acknowledged: bool = True


class Netlink:
    """A netlink socket of the namespace that its thread was in. For one thread at a time.

    Every method raises :exc:`~mynet.drivers.errors.KernelError` or
    :exc:`~mynet.drivers.errors.PrivilegeMissing` where the kernel refuses.
    """

    def __init__(self, protocol: int = socket.NETLINK_ROUTE) -> None:
        with refusals("open a netlink socket", "netlink"):
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
            self._socket.setsockopt(_SOL_NETLINK, _NETLINK_EXT_ACK, 1)
            self._socket.setsockopt(_SOL_NETLINK, _NETLINK_CAP_ACK, 1)
            # Otherwise a dump of one link's addresses has those of all links.
            self._socket.setsockopt(_SOL_NETLINK, _NETLINK_GET_STRICT_CHK, 1)
        self._sequence = 0

    @classmethod
    def inside(cls, fd: int) -> Self:
        """Open a socket in the namespace ``fd``; the thread is back on return (5 us)."""
        with netns.inside(fd):
            return cls()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    @property
    def cookie(self) -> int:
        """The cookie of the namespace that the socket belongs to."""
        return netns.cookie_of(self._socket)

    @property
    def port(self) -> int:
        """The port by which the kernel names this socket when it notifies others of changes."""
        if not self._socket.getsockname()[0]:
            self._socket.bind((0, 0))
        port: int = self._socket.getsockname()[0]
        return port

    def index(self, name: str) -> int:
        """Return the index of a link, 0 if there is none. Like: ``ip link show NAME``."""
        return interface_ioctls.index_of(self._socket, name)

    def mac(self, name: str) -> str:
        """Return the MAC address of a link, "" if there is none. Like: ``ip link show NAME``."""
        return interface_ioctls.mac_of(self._socket, name)

    def name(self, index: int) -> str:
        """Return the name of the link with an index, "" if there is none. Like: ``ip link``."""
        return interface_ioctls.name_of(self._socket, index)

    def ask(self, *requests: Request) -> tuple[int, ...]:
        """Send the requests in one datagram; return the errno of each, 0 for success.

        The kernel acts on all requests, in their order, even after one that failed. A request that
        may fail and matters to the rest must therefore be sent alone. Raises the first refusal that
        its request does not forgive.

        The kernel replies to each refused request, but on success to the last request alone, since
        a socket holds no more than some 200 replies.
        """
        last = max(place for place, request in enumerate(requests) if request.acknowledged)
        first = self._send(requests, nlmsg.NLM_F_ACK, last)
        answers = {  # when send returns, the kernel has replied to all requests
            reply.header.sequence - first: reply
            for reply in self._replies(socket.MSG_DONTWAIT)
            if reply.header.sequence >= first
        }
        for place, reply in sorted(answers.items()):
            _raise_refusal(requests[place], reply)
        if last not in answers:
            raise refused(errno.ENOBUFS, requests[last].doing, requests[last].resource)
        return tuple(
            answers[place].errno if place in answers else 0 for place in range(len(requests))
        )

    def reserve_buffers(self, *requests: Request) -> None:
        """Make the socket's buffers large enough to send so many requests and to hold refusals."""
        size = sum(len(request.message) for request in requests)
        with refusals("reserve buffers for a large transaction", "netlink"):
            set_send_buffer(self._socket, size + _BUFFER)
            set_receive_buffer(self._socket, len(requests) * _REFUSAL + _BUFFER)

    def get(self, request: Request) -> bytes | None:
        """Return the message of one object, None where the request forgives the errno."""
        return self.get_each(request)[0]

    def get_each(self, *requests: Request) -> Sequence[bytes | None]:
        """Return the message of each object, None where its request forgives the errno.

        Many requests share a datagram, as long as the socket has room for all replies.
        """
        messages: list[bytes | None] = []
        for start in range(0, len(requests), _AT_ONCE):
            some = requests[start : start + _AT_ONCE]
            first = self._send(some, 0)
            awaited = (reply for reply in self._replies() if reply.header.sequence >= first)
            for request, reply in zip(some, list(islice(awaited, len(some))), strict=True):
                _raise_refusal(request, reply)
                messages.append(None if reply.errno else reply.message)
        return messages

    def get_acknowledged(self, request: Request) -> bytes | None:
        """Return the message of one object, None if there is none.

        Some requests have no reply at all where there is no object, so this one asks for an
        acknowledgement too, which comes last.
        """
        first, message = self._send((request,), nlmsg.NLM_F_ACK), None
        for reply in self._replies():
            if reply.header.sequence != first:
                continue
            _raise_refusal(request, reply)
            if reply.header.kind == replies.NLMSG_ERROR:
                break
            message = reply.message
        return message

    def dump(self, request: Request, most: int | None = None) -> list[bytes]:
        """Return the messages of a list. A list that changed while it was read is read again.

        Raises :exc:`KernelError` as soon as there are more than ``most``: a sandbox may have any
        number of addresses and routes. The rest of the list stays unread, and the socket can only
        be closed then.
        """
        for _ in range(_ATTEMPTS):
            is_consistent, messages = self._dump_once(request, most)
            if is_consistent:
                return messages
        raise refused(errno.EINTR, request.doing, request.resource, detail="it keeps changing")

    def _dump_once(self, request: Request, most: int | None) -> tuple[bool, list[bytes]]:
        first = self._send((request,), nlmsg.NLM_F_DUMP)
        is_consistent, messages = True, []
        for reply in self._replies():
            if reply.header.sequence != first:
                continue
            _raise_refusal(request, reply)
            is_consistent = is_consistent and not reply.header.flags & replies.NLM_F_DUMP_INTR
            if reply.header.kind in (replies.NLMSG_DONE, replies.NLMSG_ERROR):
                break
            messages.append(reply.message)
            if most is not None and len(messages) > most:
                raise too_many(request.doing, request.resource, most)
        return is_consistent, messages

    def _send(self, requests: tuple[Request, ...], flags: int, flagged: int = 0) -> int:
        """Send all in one datagram; return the sequence number of the first.

        The request at the place ``flagged`` gets the flags.
        """
        first = self._sequence + 1
        datagram = bytearray()
        for sequence, request in enumerate(requests, first):
            offset = len(datagram)
            datagram += request.message
            more = nlmsg.NLM_F_REQUEST | (flags if sequence == first + flagged else 0)
            nlmsg.complete_request(datagram, offset, more, sequence)
        self._sequence += len(requests)
        with refusals(requests[0].doing, requests[0].resource):
            self._socket.send(datagram)
        return first

    def _replies(self, flags: int = 0) -> Iterator[replies.Reply]:
        """Yield replies as they come, without end; with MSG_DONTWAIT, those that wait."""
        while True:
            with refusals("read the kernel's replies", "netlink"):
                try:
                    data = self._socket.recv(_BUFFER, flags)
                except BlockingIOError:
                    return
            yield from replies.read_replies(data)


def _raise_refusal(request: Request, reply: replies.Reply) -> None:
    """Raise the error of a reply, unless the request forgives it."""
    if reply.errno and reply.errno not in request.forgive:
        raise refused(reply.errno, request.doing, request.resource, detail=reply.detail)
