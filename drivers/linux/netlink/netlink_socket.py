"""One netlink socket, one conversation: requests go out together, every answer is read.

A socket is opened for each verb and closed after it (10 us), by the thread that needs it. Nothing
is shared, so there is no lock to wait for and no descriptor left behind by a thread that ended; and
a socket belongs to the namespace it was made in, wherever its thread goes afterwards.
"""

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple, Self

from mynet.drivers.linux import netns
from mynet.drivers.linux.kernel_errors import refusals, refused

NLM_F_REQUEST, NLM_F_ACK, NLM_F_ECHO, NLM_F_DUMP = 0x1, 0x4, 0x8, 0x300
NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE = 0x100, 0x200, 0x400

_NLM_F_DUMP_INTR = 0x10
_NLM_F_ACK_TLVS = 0x200
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_NLMSGERR_ATTR_MSG = 1
_SOL_NETLINK, _NETLINK_CAP_ACK, _NETLINK_EXT_ACK, _NETLINK_GET_STRICT_CHK = 270, 10, 11, 12
_SO_SNDBUFFORCE, _SO_RCVBUFFORCE = 32, 33
_SIOCGIFNAME, _SIOCGIFINDEX, _SIOCGIFHWADDR = 0x8910, 0x8933, 0x8927
_IFREQ = struct.Struct("@16s24x")  # the name, and what is asked or told of it
_INDEX = struct.Struct("@i")
_UNION = 16  # where the latter begins
_HARDWARE = slice(18, 24)  # in it, of a struct sockaddr: behind the family
_HEADER = struct.Struct("@IHHII")  # length, type, flags, sequence number, port
_NAME_BYTES = 15  # of a link: IFNAMSIZ less the final zero
_BUFFER = 1 << 16  # bytes; the kernel fills at most half of it with one answer
_ATTEMPTS = 10  # at a dump that others keep changing
_ANSWER = 1 << 11  # bytes that a refusal takes of the socket that it waits in


@dataclass(frozen=True, slots=True)
class Request:
    """A message, and the words for what it asks if the kernel refuses.

    ``doing`` is an infinitive ("add address 10.1.0.2/24 to eth0"), ``resource`` the object in the
    way. An errno among ``forgive`` is an answer, not an error. What is not ``acknowledged`` has no
    answer of its own unless it is refused.
    """

    message: bytes
    doing: str
    resource: str
    forgive: frozenset[int] = frozenset()
    acknowledged: bool = True


class _Answer(NamedTuple):
    """A message that came back; ``errno`` is 0 where it is not an error.

    There may be thousands: a frozen dataclass takes four times as long to make.
    """

    kind: int
    flags: int
    sequence: int
    message: bytes
    errno: int = 0
    detail: str = ""


class Netlink:
    """A netlink socket of the namespace that its thread was in. For one thread at a time."""

    def __init__(self, protocol: int = socket.NETLINK_ROUTE) -> None:
        with refusals("open a netlink socket", "netlink"):
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
            self._socket.setsockopt(_SOL_NETLINK, _NETLINK_EXT_ACK, 1)
            self._socket.setsockopt(_SOL_NETLINK, _NETLINK_CAP_ACK, 1)
            # So that a list of one link's addresses is that, and not of all links'.
            self._socket.setsockopt(_SOL_NETLINK, _NETLINK_GET_STRICT_CHK, 1)
        self._sequence = 0

    @classmethod
    def inside(cls, fd: int) -> Self:
        """Open one in the namespace ``fd``; this thread is back home on return (5 us)."""
        with netns.inside(fd):
            return cls()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._socket.close()

    @property
    def cookie(self) -> int:
        """That of the namespace that the socket belongs to."""
        return netns.cookie_of(self._socket)

    @property
    def port(self) -> int:
        """What the kernel names as the author when it notifies others of our changes."""
        if not self._socket.getsockname()[0]:
            self._socket.bind((0, 0))
        port: int = self._socket.getsockname()[0]
        return port

    def index(self, name: str) -> int:
        """Tell the index of a link, 0 where there is none. Like: ``ip link show NAME``."""
        answer = self._about(_SIOCGIFINDEX, name)
        index: int = _INDEX.unpack_from(answer, _UNION)[0] if answer else 0
        return index

    def mac(self, name: str) -> str:
        """Tell the MAC address of a link, "" where there is none. Like: ``ip link show NAME``."""
        answer = self._about(_SIOCGIFHWADDR, name)
        return answer[_HARDWARE].hex(":") if answer else ""

    def name(self, index: int) -> str:
        """Tell the name of the link of that index, "" where there is none. Like: ``ip link``."""
        request = bytearray(_IFREQ.size)
        _INDEX.pack_into(request, _UNION, index)
        answer = self._ioctl(_SIOCGIFNAME, bytes(request), "a link")
        return os.fsdecode(answer[:_UNION].rstrip(b"\0")) if answer else ""

    def _about(self, command: int, name: str) -> bytes | None:
        """Ask about the link of that name. A name that is too long would be cut to another's."""
        encoded = os.fsencode(name)
        if len(encoded) > _NAME_BYTES:
            return None
        return self._ioctl(command, _IFREQ.pack(encoded), name)

    def _ioctl(self, command: int, request: bytes, what: str) -> bytes | None:
        """Ask for what a link has, None where there is none.

        An ioctl costs 2 us where a message costs 300; see netdevice(7).
        """
        try:
            return fcntl.ioctl(self._socket, command, request)
        except OSError as error:
            if error.errno == errno.ENODEV:
                return None
            raise refused(
                error.errno or errno.EIO, f"look up {what}", f"interface {what}"
            ) from error

    def ask(self, *requests: Request) -> tuple[int, ...]:
        """Send the requests in one datagram; return the errno of each, 0 for done.

        The kernel acts on all of them, in their order, whether or not an earlier one failed; so
        what may fail and matters to the rest is asked alone. Raises the first refusal that its
        request does not forgive.

        A refusal is answered in any case, and success for the last request alone, which says that
        all of them were read: a socket holds no more than some 200 answers.
        """
        last = max(place for place, request in enumerate(requests) if request.acknowledged)
        first = self._send(requests, NLM_F_ACK, last)
        arrived = (answer for answer in self._arrived() if answer.sequence >= first)
        answers = {answer.sequence - first: answer for answer in arrived}
        for place, answer in sorted(answers.items()):
            _judge(requests[place], answer)
        if last not in answers:
            raise refused(errno.ENOBUFS, requests[last].doing, requests[last].resource)
        return tuple(
            answers[place].errno if place in answers else 0 for place in range(len(requests))
        )

    def make_room(self, *requests: Request) -> None:
        """Let the socket send so many requests at once, and hold a refusal of each."""
        size = sum(len(request.message) for request in requests)
        for option, wanted in (
            (_SO_SNDBUFFORCE, size + _BUFFER),
            (_SO_RCVBUFFORCE, len(requests) * _ANSWER + _BUFFER),
        ):
            with refusals("make room for a large transaction", "netlink"):
                self._socket.setsockopt(socket.SOL_SOCKET, option, wanted)

    def get(self, request: Request) -> bytes | None:
        """Ask for one object: its message, or None where the errno is forgiven."""
        first = self._send((request,), 0)
        answer = next(answer for answer in self._received() if answer.sequence == first)
        _judge(request, answer)
        return None if answer.errno else answer.message

    def probe(self, request: Request) -> bytes | None:
        """Ask for one object of which the kernel says nothing at all where there is none.

        So it is asked for an acknowledgement, too, which comes last.
        """
        first, found = self._send((request,), NLM_F_ACK), None
        for answer in self._received():
            if answer.sequence != first:
                continue
            _judge(request, answer)
            if answer.kind == _NLMSG_ERROR:
                break
            found = answer.message
        return found

    def dump(self, request: Request) -> list[bytes]:
        """Ask for a list. One that changed while it was read judges nothing: it is read again."""
        for _ in range(_ATTEMPTS):
            whole, messages = self._dump_once(request)
            if whole:
                return messages
        raise refused(errno.EINTR, request.doing, request.resource, detail="it keeps changing")

    def _dump_once(self, request: Request) -> tuple[bool, list[bytes]]:
        first = self._send((request,), NLM_F_DUMP)
        whole, messages = True, []
        for answer in self._received():
            if answer.sequence != first:
                continue
            _judge(request, answer)
            whole = whole and not answer.flags & _NLM_F_DUMP_INTR
            if answer.kind in (_NLMSG_DONE, _NLMSG_ERROR):
                break
            messages.append(answer.message)
        return whole, messages

    def _send(self, requests: tuple[Request, ...], flags: int, flagged: int = 0) -> int:
        """Send everything in one datagram, one with the flags; return the first's number."""
        first = self._sequence + 1
        datagram = bytearray()
        for sequence, request in enumerate(requests, first):
            start = len(datagram)
            datagram += request.message
            length, kind, own, _, _ = _HEADER.unpack_from(datagram, start)
            asked = NLM_F_REQUEST | (flags if sequence == first + flagged else 0)
            _HEADER.pack_into(datagram, start, length, kind, own | asked, sequence, 0)
        self._sequence += len(requests)
        with refusals(requests[0].doing, requests[0].resource):
            self._socket.send(datagram)
        return first

    def _arrived(self) -> Iterator[_Answer]:
        """Yield the answers that are here: on return from send, the kernel has answered all."""
        while True:
            with refusals("read the kernel's answers", "netlink"):
                try:
                    data = self._socket.recv(_BUFFER, socket.MSG_DONTWAIT)
                except BlockingIOError:
                    return
            yield from _parse(data)

    def _received(self) -> Iterator[_Answer]:
        """Yield answers as they come, for ever."""
        while True:
            with refusals("read the kernel's answer", "netlink"):
                data = self._socket.recv(_BUFFER)
            yield from _parse(data)


def _judge(request: Request, answer: _Answer) -> None:
    """Raise what the answer says, unless the request forgives it."""
    if answer.errno and answer.errno not in request.forgive:
        raise refused(answer.errno, request.doing, request.resource, detail=answer.detail)


def _parse(data: bytes) -> Iterator[_Answer]:
    """Cut a datagram into its messages."""
    offset = 0
    while offset < len(data):
        length, kind, flags, sequence, _ = _HEADER.unpack_from(data, offset)
        message = data[offset : offset + length]
        number, detail = _error(kind, flags, message)
        yield _Answer(kind, flags, sequence, message, number, detail)
        offset += (length + 3) & ~3


def _error(kind: int, flags: int, message: bytes) -> tuple[int, str]:
    """Read the errno, and the kernel's own words, of an acknowledgement or the end of a dump."""
    if kind not in (_NLMSG_ERROR, _NLMSG_DONE) or len(message) < _HEADER.size + 4:
        return 0, ""
    (number,) = struct.unpack_from("@i", message, _HEADER.size)
    words = _words(message[_HEADER.size + 4 :], kind) if flags & _NLM_F_ACK_TLVS else ""
    return -number, words


def _words(rest: bytes, kind: int) -> str:
    """Find NLMSGERR_ATTR_MSG among the attributes that follow the errno."""
    offset = _HEADER.size if kind == _NLMSG_ERROR else 0
    while offset + 4 <= len(rest):
        length, attribute = struct.unpack_from("@HH", rest, offset)
        if attribute == _NLMSGERR_ATTR_MSG:
            return rest[offset + 4 : offset + length].rstrip(b"\0").decode(errors="replace")
        offset += max((length + 3) & ~3, 4)
    return ""
