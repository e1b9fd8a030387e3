"""Random requests of every RPC that the descriptors list, and what the daemon made of them.

A request is well-formed as its message type says. Its values are what the daemon has answered
before, what its fields take, and what they do not take. A new RPC or field needs nothing here: it
gets values by its type.
"""

import random
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message

from mynet.v1 import ipam_pb2, network_pb2
from tests.e2e.support.daemon import refused_as
from tests.e2e.support.namespace import PATIENCE

METHODS: Sequence[MethodDescriptor] = tuple(
    method
    for file in (network_pb2.DESCRIPTOR, ipam_pb2.DESCRIPTOR)
    for service in file.services_by_name.values()
    for method in service.methods
)
SANDBOXES = ("box0", "box1", "box2")

_HOSTILE = (
    *("", " ", "-", "--help", ".", "..", "/", "../../etc/passwd", "a/b", "a\\b", "a b", "$(id)"),
    *("a\0b", "a\nb", "\x1b]0;x\x07", "\x9b31m", "\u202eabc", "\ufeff", "e\u0301", "\U0001f427"),
    *("0", "-1", "1_0", "\u0661", "9" * 400, "1e309", "nan", "0x10", "null", "{}", "[[[[", '"'),
    *("10.1.0.1", "010.1.0.1", "10.1.0.256", "10.1.0.0/33", "0.0.0.0/0", "255.255.255.255"),
    *(
        "::",
        "::1",
        "fe80::1%eth0",
        "::ffff:10.1.0.1",
        "ff02::1/128",
        "fd00::/0",
        "10.0.0.9-10.0.0.2",
    ),
    *(
        "ff:ff:ff:ff:ff:ff",
        "00:00:00:00:00:00",
        "02-42-0a-01-00-07",
        "lo",
        "uplink",
        "br%d",
        "eth0",
    ),
    *("/proc/1/ns/net", "/proc/self/ns/net", "/run/netns/../../proc/1/ns/net", "/dev/zero"),
    *("a" * 15, "a" * 16, "a" * 255, "a" * 256, "ü" * 255, "x" * 70_000),
)
_SUBNETS = tuple(
    f"{base}/{length}"
    for base, length in (
        *(("10.70.0.0", 24), ("10.71.0.0", 16), ("10.72.0.0", 29), ("10.73.0.0", 30)),
        *(("10.74.0.0", 31), ("fd70::", 64), ("fd71::", 126), ("fd72::", 48), ("10.70.0.128", 25)),
    )
)
_ADDRESSES = tuple(
    base.removesuffix("0") + last
    for base, _, _ in (cidr.partition("/") for cidr in _SUBNETS)
    for last in ("2", "5")
)
_NAMES = ("blue", "red", "green", "web-1", "Ünicode", "a.b_c")

# What the fields of a name take. "options" and "labels" have the keys of these maps.
_TAKEN: Mapping[str, Sequence[str]] = {
    "name": _NAMES,
    "network": _NAMES,
    "container_id": ("c1", "c2", "c3"),
    "netns_name": SANDBOXES,
    "netns_path": tuple(f"/run/netns/{name}" for name in SANDBOXES),
    "interface": ("eth0", "eth1", "net%d"),
    "cidr": _SUBNETS,
    "subnet": _SUBNETS,
    "gateway": _ADDRESSES,
    "range": ("10.70.0.8-10.70.0.20", "10.71.8.0/24", "fd70::/80"),
    "reserved": (*_ADDRESSES, "10.71.2.0/24"),
    "address": _ADDRESSES,
    "addresses": _ADDRESSES,
    "host_ip": ("127.0.0.1", "203.0.113.1", "::1", "0.0.0.0"),  # noqa: S104 - a value of a request
    "owner": ("vm-1", "vm-2", "pool/a"),
    "owners": ("vm-3", "vm-4"),
    "owner_prefix": ("node-", "n/"),
    "address_owner": ("vm-1", "vm-2"),
    "sticky_key": ("k1", "k2"),
    "mac_address": ("02:00:00:00:00:05", "de:ad:be:ef:00:01"),
    "driver": ("bridge",),
    "backend": ("bitmap",),
    "ipam": ("bitmap",),
    "path": ("backup-1", "sub/backup"),
    "labels": ("env", "tier"),
    "remove_labels": ("env", "tier"),
    "value": ("true", "false", "1", "64", "10mbit", "1500", "0", "auto"),
    "document": ("10.70.0.2", "# nothing", '{"subnets": []}'),
}
# Fields that most requests need.
_NEEDED = {
    *("name", "network", "container_id", "netns_name", "cidr", "subnet", "owner", "owners"),
    *("format", "document"),
}
# Fields that take what a field of an answer has.
_SAME = {
    "endpoint": "Endpoint.id",
    "network": "Network.name",
    "subnet": "Subnet.cidr",
    "address": "Allocation.address",
    "owner": "Allocation.owner",
    "page_token": "ListNetworksResponse.next_page_token",
    "document": "ExportSubnetsResponse.document",
    "options": "DriverOption.name",
    "remove_options": "DriverOption.name",
}
_SEEN = 8  # values of a name that are kept, the newest
_DEPTH = 4
# Others have the weight 1. A Doctor or a Backup takes as long as many other calls.
_WEIGHTS = {"Doctor": 0.1, "Backup": 0.2, "Connect": 4.0}


class Generator:
    """Makes requests. What it makes follows from the seed and the answers."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)  # noqa: S311 - it can be repeated
        self._seen: defaultdict[str, deque[str]] = defaultdict(lambda: deque(maxlen=_SEEN))
        self._hostility = 0.0

    def method(self) -> MethodDescriptor:
        """Return the next method to call."""
        weights = [_WEIGHTS.get(method.name, 1.0) for method in METHODS]
        return self._random.choices(METHODS, weights)[0]

    def bodies(self, method: MethodDescriptor) -> Sequence[bytes]:
        """Return the messages of a request. A few are not what the message type says."""
        self._hostility = self._random.choice((0.0, 0.0, 0.0, 0.05, 0.5))
        count = self._random.choice((1, 1, 2)) if method.client_streaming else 1
        bodies = [self._message(method.input_type).SerializeToString() for _ in range(count)]
        if self._random.random() < 0.03:
            bodies[0] = self._damaged(bodies[0])
        return bodies

    def remember(self, answer: Message) -> None:
        """Take the texts of an answer for later requests."""
        for descriptor, value in answer.ListFields():
            if descriptor.message_type and not _is_map(descriptor):
                for message in value if descriptor.is_repeated else [value]:
                    self.remember(message)
            elif descriptor.type == FieldDescriptor.TYPE_STRING:
                values = value if descriptor.is_repeated else [value]
                self._seen[f"{answer.DESCRIPTOR.name}.{descriptor.name}"].extend(values)

    def _message(self, descriptor: Any, depth: int = 0) -> Message:
        message: Message = message_factory.GetMessageClass(descriptor)()
        if depth == _DEPTH:
            return message
        fields = list(descriptor.fields)
        most = self._random.choice((0, 0, 1, 2, 4, len(fields)))
        chosen = set(self._random.sample(range(len(fields)), min(most, len(fields))))
        if self._random.random() < 0.8:
            chosen |= {place for place, it in enumerate(fields) if it.name in _NEEDED}
        for place in chosen:
            self._set(message, fields[place], depth)
        return message

    def _set(self, message: Message, chosen: FieldDescriptor, depth: int) -> None:
        if _is_map(chosen):
            target = getattr(message, chosen.name)
            for _ in range(self._count()):
                target[self._text(chosen.name)] = self._text("value")
        elif chosen.message_type:
            if chosen.is_repeated:
                made = [self._message(chosen.message_type, depth + 1) for _ in range(self._count())]
                getattr(message, chosen.name).extend(made)
            else:
                made_one = self._message(chosen.message_type, depth + 1)
                getattr(message, chosen.name).CopyFrom(made_one)
        elif chosen.is_repeated:
            values = [self._value(chosen) for _ in range(self._count())]
            getattr(message, chosen.name).extend(values)
        else:
            setattr(message, chosen.name, self._value(chosen))

    def _count(self) -> int:
        return 300 if self._random.random() < self._hostility / 20 else self._random.randint(1, 2)

    def _value(self, chosen: FieldDescriptor) -> object:
        kind = FieldDescriptor
        if chosen.type == kind.TYPE_STRING:
            return self._text(chosen.name)
        if chosen.type == kind.TYPE_BYTES:
            return self._random.randbytes(self._random.randint(0, 64))
        if chosen.type == kind.TYPE_BOOL:
            return self._random.random() < 0.5
        if chosen.enum_type:
            return self._random.choice([value.number for value in chosen.enum_type.values])
        return self._number(chosen)

    def _number(self, chosen: FieldDescriptor) -> int:
        bits = 64 if chosen.cpp_type in _LONG else 32
        is_signed = chosen.cpp_type in _SIGNED
        most, least = (2 ** (bits - 1) - 1, -(2 ** (bits - 1))) if is_signed else (2**bits - 1, 0)
        edges = (most, most - 1, least, 65_535, 65_536, 4_097, 300)
        plain = (0, 1, 2, 8, 24, 28, 80, 1280, 8080, 30_000)
        return self._random.choice(edges if self._random.random() < self._hostility else plain)

    def _text(self, name: str) -> str:
        if self._random.random() < self._hostility:
            return self._random.choice(_HOSTILE)
        known = _TAKEN.get(name, ())
        seen = self._seen[_SAME.get(name, name)]
        choices = known if known and self._random.random() < 0.3 else seen or known or _HOSTILE
        return self._random.choice(choices)

    def _damaged(self, body: bytes) -> bytes:
        where = self._random.randint(0, len(body))
        return body[:where] + self._random.randbytes(3) + body[where + 1 :]


def _is_map(descriptor: FieldDescriptor) -> bool:
    kind = descriptor.message_type
    return bool(kind and kind.GetOptions().map_entry)


_SIGNED = {FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64}
_LONG = {FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64}


@dataclass(slots=True)
class Campaign:
    """Calls with random requests, one after the other, and what came of them."""

    channel: grpc.Channel
    generator: Generator
    # How often each method was answered.
    answered: Counter[str] = field(default_factory=Counter)
    # How often each reason was given to refuse a call.
    refused: Counter[str] = field(default_factory=Counter)
    # What must not happen: a line each, with the request.
    faults: list[str] = field(default_factory=list)

    def run(self, calls: int) -> None:
        """Make so many calls."""
        for _ in range(calls):
            method = self.generator.method()
            bodies = self.generator.bodies(method)
            try:
                for answer in self._call(method, bodies):
                    self.generator.remember(answer)
                self.answered[method.name] += 1
            except grpc.RpcError as error:
                self._note(method, bodies, error)

    def _call(self, method: MethodDescriptor, bodies: Sequence[bytes]) -> Iterator[Message]:
        """Make a call; yield its answers. To gRPC every method may be one of streams."""
        path = f"/{method.containing_service.full_name}/{method.name}"
        parse = message_factory.GetMessageClass(method.output_type).FromString
        call: Callable[..., Iterator[Message]] = self.channel.stream_stream(
            path, response_deserializer=parse
        )
        yield from call(iter(bodies), timeout=PATIENCE)

    def _note(self, method: MethodDescriptor, bodies: Sequence[bytes], error: Any) -> None:
        refusal = refused_as(error)
        self.refused[refusal.reason] += 1
        if refusal.code not in _EXPECTED or not refusal.reason:
            self.faults.append(
                f"{method.name}: {refusal.code} {refusal.reason} {refusal.message}"
                f" ({list(map(_shortened, bodies))})"
            )


# Refusals that tell a caller what is wrong with its request, or to call again.
_EXPECTED = {
    *("INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION", "OUT_OF_RANGE"),
    *("RESOURCE_EXHAUSTED", "ABORTED", "UNIMPLEMENTED", "PERMISSION_DENIED"),
}


def _shortened(body: bytes) -> bytes:
    return body if len(body) <= 400 else body[:400] + b"..."
