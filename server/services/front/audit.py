"""The audit log: one line for each call of a method that may change something.

A line has the names and ids of the request and of the answer. It has no value of a label or of an
option, as a plugin's option may be a password, and no text that is not listed here. A test fails if
a field of the API is in none of the lists.
"""

import itertools
import json
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from mynet.server.logs.clock import utc_now
from mynet.server.model.callers import Caller
from mynet.server.services.front.methods import Method
from mynet.server.services.front.roles import may_change
from mynet.server.services.status import row_of


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# The fields of requests that are recorded, in messages at any depth. Of maps, the keys are recorded
# whatever their names.
REQUEST_FIELDS = _names(
    "address address_owner addresses allow_existing allow_missing allow_special_purpose backend"
    " cidr container_id container_port cooldown count driver endpoint force format gateway"
    " gateway_priority host_ip host_port interface internal ipam mac_address masquerade mtu name"
    " nanos netns_name netns_path network owner owner_prefix owners path pid ports probe protocol"
    " range remove_labels remove_options remove_ports repair replace_labels replace_ports reserved"
    " requests retention seconds sticky_key subnet subnets validate_only"
)
# What was made, changed or removed: names, ids and addresses.
ANSWER_FIELDS = _names(
    "address addresses allocation allocations cidr container_id container_port count endpoint"
    " endpoints findings host_ip host_port id interface name network network_id object"
    " omitted_allocations omitted_endpoints omitted_findings omitted_subnets owner ports protocol"
    " repaired subnet subnets"
)
_LONGEST_TEXT = 256  # characters
_LONGEST_LIST = 256  # items

_OK = ("OK", "")
_ABANDONED = ("CANCELLED", "CALLER_GONE")


class LineWriter(Protocol):
    """The file of the audit log."""

    def put(self, line: str) -> object:
        """Write a line without waiting for a reader or a disk."""


@dataclass(slots=True)
class AuditEntry:
    """What is known about a call, as far as the front has come."""

    method: Method
    caller: Caller
    request_id: str
    # The first message, if the request is a stream.
    request: Message | None = None
    # None while there is no answer, and if the answer is a stream.
    answer: Message | None = None


@dataclass(frozen=True, slots=True)
class _Part:
    """What a line is about: a call, or one of the requests of a batch."""

    request: Message | None
    answer: Message | None
    code: str
    reason: str
    # Of the request in its batch, from 0.
    place: int | None = None


class Audit:
    """Writes the lines."""

    def __init__(self, file: LineWriter) -> None:
        self._file = file

    def record(self, entry: AuditEntry, error: BaseException | None, seconds: float) -> None:
        """Write the line of a call that ends, unless its method cannot change anything."""
        if not may_change(entry.method.path):
            return
        for part in _parts(entry, error):
            self._write(entry, part, seconds)

    def _write(self, entry: AuditEntry, part: "_Part", seconds: float) -> None:
        caller = entry.caller
        line: dict[str, object] = {
            "time": utc_now(),
            "request_id": entry.request_id,
            "method": entry.method.name,
            "code": part.code,
            "reason": part.reason,
            "ms": round(seconds * 1000, 1),
            "principal": caller.principal,
            "role": caller.role.name.lower(),
            "listener": caller.listener,
            "peer": caller.peer,
        }
        if caller.credentials:
            line |= asdict(caller.credentials)
        if part.place is not None:
            line["place"] = part.place
        if part.request is not None:
            line["request"] = dict(_recorded(part.request, REQUEST_FIELDS))
        if part.answer is not None:
            line["answer"] = dict(_recorded(part.answer, ANSWER_FIELDS))
        self._file.put(json.dumps(line))


def _parts(entry: AuditEntry, error: BaseException | None) -> Iterator[_Part]:
    """Yield a call, or each request of a batch that was carried out."""
    if not entry.method.is_batch or entry.answer is None:
        yield _Part(entry.request, entry.answer, *_outcome(error))
        return
    batch: Any = entry.request
    answer: Any = entry.answer
    for place, (request, outcome) in enumerate(zip(batch.requests, answer.outcomes, strict=True)):
        failure = outcome.failure
        yield _Part(request, outcome, failure.code or _OK[0], failure.reason, place)


def _outcome(error: BaseException | None) -> tuple[str, str]:
    """Return the code and the reason of a call, also of one that its caller has given up."""
    if error is None:
        return _OK
    if isinstance(error, Exception):
        code, reason = row_of(type(error))
        return code.name, reason
    return _ABANDONED


def _recorded(message: Message, names: AbstractSet[str]) -> Iterator[tuple[str, object]]:
    """Yield the fields of a message that are set and may be recorded, and the keys of its maps."""
    for field, value in message.ListFields():
        if is_map(field):
            yield field.name, _items(sorted(value), field, names)
        elif field.name not in names:
            continue
        elif field.is_repeated:
            yield field.name, _items(value, field, names)
            if len(value) > _LONGEST_LIST:
                yield f"{field.name}_left_out", len(value) - _LONGEST_LIST
        else:
            yield field.name, _plain(value, field, names)


def is_map(field: FieldDescriptor) -> bool:
    """Return whether a field is a map."""
    kind = field.message_type
    return kind is not None and kind.GetOptions().map_entry


def _items(
    values: Iterable[object], field: FieldDescriptor, names: AbstractSet[str]
) -> list[object]:
    return [_plain(value, field, names) for value in itertools.islice(values, _LONGEST_LIST)]


def _plain(value: object, field: FieldDescriptor, names: AbstractSet[str]) -> object:
    if isinstance(value, str):
        return value if len(value) <= _LONGEST_TEXT else f"{value[:_LONGEST_TEXT]}..."
    if isinstance(value, Message):
        return dict(_recorded(value, names))
    if field.enum_type is not None and isinstance(value, int):
        names_by_number = field.enum_type.values_by_number
        return names_by_number[value].name if value in names_by_number else value
    return value
