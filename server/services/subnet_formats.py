"""Subnets as documents: mynet's own JSON, the tutorial's bitmap, and CNI host-local's folder.

Reading a document collects all its violations. Violations of the addresses themselves are the same
in all formats, so ``mynet.server.addressing.import_export`` finds them.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import cattrs
from cattrs.v import format_exception

from mynet.drivers.api import IPV4
from mynet.ipam.api import Holding, IPNetwork
from mynet.server.errors import quoted
from mynet.server.model.endpoints import is_own
from mynet.server.model.subnets import Rules, SubnetDump
from mynet.server.services.from_proto import fields
from mynet.server.services.from_proto.violations import Violations, collect_violations
from mynet.server.store import codec
from mynet.v1 import ipam_pb2

_VERSION = 1
_SHORTEST_PREFIX = 8  # of a bitmap, which then has 16 MiB
_NO_BITMAP = "does not fit this format, which has IPv4 subnets with a prefix length of 8 or more"
# Addresses in a bitmap. In the other formats, a text of the largest size has fewer.
_MOST = 1 << 20
_PART = 1 << 18  # characters, which have 4 bytes at most
_BITS = re.compile(r"[01]*")
_LINE_BREAK = "\r\n"  # host-local writes it on every system
_BYTE_ORDER_MARK = "\ufeff"
_HOST_LOCALS_OWN = re.compile(r"lock|last_reserved_ip(\.\d+)?")  # old versions have no number


@dataclass(frozen=True, slots=True)
class Document:
    """A document in mynet's own format, whose JSON has these fields."""

    version: int
    subnets: tuple[SubnetDump, ...]


def check_format(violations: Violations, number: int) -> None:
    """Add a violation if there is no such format."""
    if number not in _FORMATS:
        violations.add("format", f"must be one of {', '.join(_NAMES)}")


def read(violations: Violations, number: int, text: str, backend: str) -> Sequence[SubnetDump]:
    """Return the subnets of a document, and add its violations."""
    check_format(violations, number)
    if not text:
        violations.add("document", "is required")
    return _FORMATS[number][0](violations, text, backend) if text and number in _FORMATS else ()


def write(number: int, dumps: Sequence[SubnetDump]) -> str:
    """Return subnets as a document. Raises InvalidArgument if the format cannot represent them."""
    with collect_violations() as violations:
        return _FORMATS[number][1](violations, dumps)


def parts(document: str) -> Iterator[str]:
    """Yield a document in parts of at most 1 MiB."""
    for begin in range(0, len(document), _PART):
        yield document[begin : begin + _PART]


def _read_mynet(violations: Violations, text: str, backend: str) -> Sequence[SubnetDump]:
    content = _read_object(violations, text)
    if content is None:
        return ()
    try:
        document = codec.structure(content, Document)
    except cattrs.BaseValidationError as error:
        for message in cattrs.transform_error(error, path="document", format_exception=_described):
            description, _, path = message.rpartition(" @ ")
            violations.add(path, description)
        return ()
    if document.version != _VERSION:
        violations.add(
            "document.version", f"is {document.version}; this mynetd reads version {_VERSION}"
        )
    for dump in document.subnets:
        for holding in dump.held:
            field = f"document[{holding.address}]"
            violations.parse(field, str(holding.address), fields.address)
            violations.parse(f"{field}.owner", holding.owner, fields.text)
            violations.parse(f"{field}.sticky_key", holding.sticky_key, fields.text)
            violations.texts(f"{field}.labels", holding.labels)
    return document.subnets


def _write_mynet(_: Violations, dumps: Sequence[SubnetDump]) -> str:
    """Return a document without the addresses of networks and endpoints."""
    ours = [
        replace(dump, held=tuple(held for held in dump.held if not is_own(held.owner)))
        for dump in dumps
    ]
    return codec.encode(Document(_VERSION, tuple(ours)))


def _read_tutorial(violations: Violations, text: str, backend: str) -> Sequence[SubnetDump]:
    """Read {"192.168.0.0/24": "1000..."}, whose first bit stands for address 192.168.0.1."""
    bitmaps, dumps = _read_object(violations, text) or {}, []
    ones = sum(bits.count("1") for bits in bitmaps.values() if isinstance(bits, str))
    if ones > _MOST:
        violations.add("document", f"has {ones} addresses; at most {_MOST} are imported at once")
        return ()
    for key, bits in bitmaps.items():
        field = f"document[{quoted(key)}]"
        cidr = violations.parse(field, key, fields.subnet_cidr)
        if cidr is None:
            continue
        if not _has_bitmap(cidr):
            violations.add(field, _NO_BITMAP)
        elif not isinstance(bits, str) or not _BITS.fullmatch(bits):
            violations.add(field, "is not a text of 0 and 1; write one for each address")
        elif bits.rfind("1") >= cidr.num_addresses - 1:
            violations.add(field, f"has a 1 for an address after the end of {cidr}")
        else:
            places = (one.end() for one in re.finditer("1", bits))
            held = [Holding(cidr.network_address + place) for place in places]
            dumps.append(SubnetDump(cidr, backend, Rules(), kept=False, held=held))
    return dumps


def _write_tutorial(violations: Violations, dumps: Sequence[SubnetDump]) -> str:
    written: dict[str, str] = {}
    for dump in dumps:
        if not _has_bitmap(dump.cidr):
            violations.add("subnet", f"{dump.cidr} {_NO_BITMAP}")
            continue
        first = int(dump.cidr.network_address) + 1
        line = bytearray(b"0" * dump.cidr.num_addresses)
        for holding in dump.held:
            line[int(holding.address) - first] = ord("1")
        written[str(dump.cidr)] = line.decode()
    return json.dumps(written)


def _has_bitmap(cidr: IPNetwork) -> bool:
    return cidr.version == IPV4 and cidr.prefixlen >= _SHORTEST_PREFIX


def _read_host_local(violations: Violations, text: str, backend: str) -> Sequence[SubnetDump]:
    """Read a folder with a file for each address. Its lines are container and interface."""
    document = _read_object(violations, text)
    if document is None:
        return ()
    named, files = document.get("subnets"), document.get("files")
    if not isinstance(named, list) or not isinstance(files, dict):
        violations.add(
            "document", 'does not have the form {"subnets": ["10.1.0.0/16"], "files": {...}}'
        )
        return ()
    cidrs = [violations.parse("document.subnets", str(cidr), fields.subnet_cidr) for cidr in named]
    held: dict[IPNetwork, list[Holding]] = {cidr: [] for cidr in cidrs if cidr}
    for name, content in files.items():
        field = f"document.files[{quoted(name)}]"
        if _HOST_LOCALS_OWN.fullmatch(name):
            continue
        address = violations.parse(field, name, fields.address)
        cidr = next((cidr for cidr in held if address and address in cidr), None)
        if address and cidr is None:
            violations.add(field, "is not in any of the subnets; name its subnet, too")
        if not isinstance(content, str):
            violations.add(field, "is not a text")
            continue
        if content.startswith(_BYTE_ORDER_MARK):
            violations.add(
                field,
                "begins with a byte order mark, which host-local takes for a part of the id"
                "; save the file without it",
            )
            continue
        # host-local, too, compares the text without white space around it.
        lines = [line.strip() for line in content.strip().splitlines()]
        owner = violations.parse(field, "/".join(lines), fields.text)
        if address and cidr:
            held[cidr].append(Holding(address, owner or ""))
    return [SubnetDump(cidr, backend, Rules(), kept=False, held=held[cidr]) for cidr in held]


def _write_host_local(_: Violations, dumps: Sequence[SubnetDump]) -> str:
    files = {
        str(holding.address): _lines_of(holding.owner) for dump in dumps for holding in dump.held
    }
    return json.dumps({"subnets": [str(dump.cidr) for dump in dumps], "files": files})


def _lines_of(owner: str) -> str:
    """Return the container and the interface as two lines; an owner without both as it is."""
    parts = owner.split("/", 1)
    return (
        _LINE_BREAK.join(parts) if all(part and part == part.strip() for part in parts) else owner
    )


def _described(error: BaseException, kind: type | None) -> str:
    """Return what is wrong with a field."""
    if isinstance(error, AttributeError):
        return "is not an object"
    return str(error) if isinstance(error, ValueError) else format_exception(error, kind)


def _read_object(violations: Violations, text: str) -> dict[str, object] | None:
    try:
        parsed = json.loads(text, object_pairs_hook=_object_with_unique_keys)
    except (ValueError, RecursionError) as error:
        violations.add("document", f"is not JSON: {error}")
        return None
    if not isinstance(parsed, dict):
        violations.add("document", "is not a JSON object")
        return None
    return parsed


def _object_with_unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return an object. Raises ValueError if a key is repeated, which Python would ignore."""
    parsed: dict[str, object] = {}
    for key, value in pairs:
        if key in parsed:
            raise ValueError(f"the key {quoted(key)} is repeated")
        parsed[key] = value
    return parsed


Reader = Callable[[Violations, str, str], Sequence[SubnetDump]]
Writer = Callable[[Violations, Sequence[SubnetDump]], str]

_FORMATS: dict[int, tuple[Reader, Writer]] = {
    ipam_pb2.SUBNET_FORMAT_MYNET: (_read_mynet, _write_mynet),
    ipam_pb2.SUBNET_FORMAT_TUTORIAL: (_read_tutorial, _write_tutorial),
    ipam_pb2.SUBNET_FORMAT_HOST_LOCAL: (_read_host_local, _write_host_local),
}
_NAMES = [ipam_pb2.SubnetFormat.Name(number) for number in _FORMATS]  # type: ignore[arg-type]
