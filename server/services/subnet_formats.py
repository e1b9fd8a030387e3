"""Subnets as documents: mynet's own JSON, the tutorial's bitmap, and CNI host-local's folder.

Reading one finds all its faults before anything is done with it. What is wrong with the addresses
themselves, whatever the format, is for ``mynet.server.addressing.import_export`` to say.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cattrs
from cattrs.v import format_exception

from mynet.ipam.api import Holding, IPNetwork
from mynet.server.errors import quoted
from mynet.server.model.endpoints import is_own
from mynet.server.model.subnets import Rules, SubnetDump
from mynet.server.services.from_proto import fields
from mynet.server.services.violations import Faults, gathered
from mynet.server.store import codec
from mynet.v1 import ipam_pb2

_VERSION = 1
_LONGEST_BITMAP = 8  # a prefix length: of 16 MiB
_NO_BITMAP = "is none for this format, which has IPv4 subnets from /8 on"
_MOST = 1 << 20  # addresses of bitmaps: in the other formats a text of 64 MiB has fewer by itself
_BITS = re.compile(r"[01]*")
_LINE_BREAK = "\r\n"  # host-local writes it on every system
_HOST_LOCALS_OWN = re.compile(r"lock|last_reserved_ip\.\d+")


@dataclass(frozen=True, slots=True)
class Document:
    """What mynet's own format is the JSON of."""

    version: int
    subnets: tuple[SubnetDump, ...]


def check_format(faults: Faults, number: int) -> None:
    """Find the fault of a format that there is not."""
    if number not in _READERS:
        faults.add("format", f"is one of {', '.join(_NAMES)}")


def read(faults: Faults, number: int, text: str, backend: str) -> Sequence[SubnetDump]:
    """Read a document, and find its faults."""
    check_format(faults, number)
    if not text:
        faults.add("document", "is required")
    return _READERS[number](faults, text, backend) if text and number in _READERS else ()


def write(number: int, dumps: Sequence[SubnetDump]) -> str:
    """Write a document. Raises InvalidArgument where the format cannot say it."""
    with gathered() as faults:
        return _WRITERS[number](faults, dumps)


def _read_mynet(faults: Faults, text: str, backend: str) -> Sequence[SubnetDump]:
    found = _read_object(faults, text)
    if found is None:
        return ()
    try:
        document = codec.structure(found, Document)
    except cattrs.BaseValidationError as error:
        for fault in cattrs.transform_error(error, path="document", format_exception=_said):
            said, _, path = fault.rpartition(" @ ")
            faults.add(path, said)
        return ()
    if document.version != _VERSION:
        faults.add("document.version", f"is {document.version}; {_VERSION} is what is read here")
    for dump in document.subnets:
        for holding in dump.held:
            field = f"document[{holding.address}]"
            faults.parse(field, str(holding.address), fields.address)
            faults.parse(f"{field}.owner", holding.owner, fields.text)
            faults.parse(f"{field}.sticky_key", holding.sticky_key, fields.text)
            faults.texts(f"{field}.labels", holding.labels)
    return document.subnets


def _write_mynet(_: Faults, dumps: Sequence[SubnetDump]) -> str:
    """Leave out what networks and endpoints hold: that comes and goes with these."""
    ours = [
        replace(dump, held=tuple(each for each in dump.held if not is_own(each.owner)))
        for dump in dumps
    ]
    return codec.encode(Document(_VERSION, tuple(ours)))


def _read_tutorial(faults: Faults, text: str, backend: str) -> Sequence[SubnetDump]:
    """Read {"192.168.0.0/24": "1000..."}, where the first bit is that of address 192.168.0.1."""
    found, dumps = _read_object(faults, text) or {}, []
    ones = sum(bits.count("1") for bits in found.values() if isinstance(bits, str))
    if ones > _MOST:
        faults.add("document", f"has {ones} addresses; up to {_MOST} are taken in at once")
        return ()
    for key, bits in found.items():
        field = f"document[{quoted(key)}]"
        cidr = faults.parse(field, key, fields.book_cidr)
        if cidr is None:
            continue
        if not _has_bitmap(cidr):
            faults.add(field, _NO_BITMAP)
        elif not isinstance(bits, str) or not _BITS.fullmatch(bits):
            faults.add(field, "is no text of 0 and 1")
        elif bits.rfind("1") >= cidr.num_addresses - 1:
            faults.add(field, f"has a 1 that stands for an address behind {cidr}")
        else:
            places = (one.end() for one in re.finditer("1", bits))
            held = [Holding(cidr.network_address + place) for place in places]
            dumps.append(SubnetDump(cidr, backend, Rules(), kept=False, held=held))
    return dumps


def _write_tutorial(faults: Faults, dumps: Sequence[SubnetDump]) -> str:
    written: dict[str, str] = {}
    for dump in dumps:
        if not _has_bitmap(dump.cidr):
            faults.add("subnet", f"{dump.cidr} {_NO_BITMAP}")
            continue
        first = int(dump.cidr.network_address) + 1
        line = bytearray(b"0" * dump.cidr.num_addresses)
        for holding in dump.held:
            line[int(holding.address) - first] = ord("1")
        written[str(dump.cidr)] = line.decode()
    return json.dumps(written)


def _has_bitmap(cidr: IPNetwork) -> bool:
    return cidr.version == 4 and cidr.prefixlen >= _LONGEST_BITMAP  # noqa: PLR2004 - the IP version


def _read_host_local(faults: Faults, text: str, backend: str) -> Sequence[SubnetDump]:
    """Read a folder with a file for each address, whose text is container and interface."""
    document = _read_object(faults, text)
    if document is None:
        return ()
    named, files = document.get("subnets"), document.get("files")
    if not isinstance(named, list) or not isinstance(files, dict):
        faults.add("document", 'is not of the form {"subnets": ["10.1.0.0/16"], "files": {...}}')
        return ()
    cidrs = [faults.parse("document.subnets", str(each), fields.book_cidr) for each in named]
    held: dict[IPNetwork, list[Holding]] = {cidr: [] for cidr in cidrs if cidr}
    for name, content in files.items():
        field = f"document.files[{quoted(name)}]"
        if _HOST_LOCALS_OWN.fullmatch(name):
            continue
        address = faults.parse(field, name, fields.address)
        cidr = next((cidr for cidr in held if address and address in cidr), None)
        if address and cidr is None:
            faults.add(field, "is in none of the subnets")
        if not isinstance(content, str):
            faults.add(field, "is no text")
            continue
        owner = faults.parse(field, "/".join(content.split(_LINE_BREAK, 1)), fields.text)
        if address and cidr:
            held[cidr].append(Holding(address, owner or ""))
    return [SubnetDump(cidr, backend, Rules(), kept=False, held=held[cidr]) for cidr in held]


def _write_host_local(_: Faults, dumps: Sequence[SubnetDump]) -> str:
    files = {
        str(holding.address): _LINE_BREAK.join(holding.owner.split("/", 1))
        for dump in dumps
        for holding in dump.held
    }
    return json.dumps({"subnets": [str(dump.cidr) for dump in dumps], "files": files})


def _said(error: BaseException, kind: type | None) -> str:
    """Say what is wrong with a field, for people."""
    if isinstance(error, AttributeError):
        return "is no object"
    return str(error) if isinstance(error, ValueError) else format_exception(error, kind)


def _read_object(faults: Faults, text: str) -> dict[str, object] | None:
    try:
        found = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        faults.add("document", f"is no JSON: {error}")
        return None
    if not isinstance(found, dict):
        faults.add("document", "is no JSON object")
        return None
    return found


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Make an object of its fields: of two with one name, JSON would forget the first."""
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{quoted(key)} stands there twice")
        found[key] = value
    return found


Reader = Callable[[Faults, str, str], Sequence[SubnetDump]]
Writer = Callable[[Faults, Sequence[SubnetDump]], str]

_READERS: dict[int, Reader] = {
    ipam_pb2.SUBNET_FORMAT_MYNET: _read_mynet,
    ipam_pb2.SUBNET_FORMAT_TUTORIAL: _read_tutorial,
    ipam_pb2.SUBNET_FORMAT_HOST_LOCAL: _read_host_local,
}
_WRITERS: dict[int, Writer] = {
    ipam_pb2.SUBNET_FORMAT_MYNET: _write_mynet,
    ipam_pb2.SUBNET_FORMAT_TUTORIAL: _write_tutorial,
    ipam_pb2.SUBNET_FORMAT_HOST_LOCAL: _write_host_local,
}
_NAMES = [ipam_pb2.SubnetFormat.Name(number) for number in _READERS]  # type: ignore[arg-type]
