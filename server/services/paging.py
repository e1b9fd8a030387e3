"""Pages of lists: their sizes, and tokens with the key of the last item of a page."""

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass
from typing import Generic, TypeAlias, TypeVar

from google.protobuf.message import Message

from mynet.ipam.api import IPNetwork
from mynet.server.model.subnets import AllocationKey
from mynet.server.services.answers import LARGEST_BYTES
from mynet.server.services.from_proto import fields
from mynet.server.services.from_proto.violations import Violations
from mynet.v1 import ipam_pb2, network_pb2

DEFAULT_SIZE, LARGEST_SIZE = 100, 1000
_BATCH = 100  # items that are read at once
_LAST_PLACE = 2**63 - 1  # the largest number that SQLite has

K = TypeVar("K")
V = TypeVar("V")
M = TypeVar("M", bound=Message)


PageMessage: TypeAlias = (
    network_pb2.ListNetworksRequest
    | network_pb2.ListEndpointsRequest
    | ipam_pb2.ListSubnetsRequest
    | ipam_pb2.ListAllocationsRequest
)


@dataclass(frozen=True, slots=True)
class Page(Generic[K]):
    """A requested page of a list whose items are ordered by a key.

    A page ends early where its messages become too large for clients. It has one message at least.
    """

    # The largest number of items on the page.
    size: int
    # The key of the last item of the previous page.
    after: K
    # Returns what a token has of a key.
    parts: Callable[[K], Sequence[object]]

    def fill(
        self,
        fetch: Callable[[K, int], Sequence[tuple[K, V]]],
        pack: Callable[[Sequence[V]], Iterable[M]],
    ) -> tuple[Sequence[M], str]:
        """Return the messages of this page, and the token of the next page or "".

        ``fetch`` returns up to that many items after a key. It is called with small numbers, so
        that a page of large items is not read as a whole. ``pack`` returns an item's messages.
        """
        messages: list[M] = []
        after, size = self.after, 0
        while True:
            wanted = min(self.size - len(messages), _BATCH)
            rows = fetch(after, wanted + 1)  # one more, which shows whether there is a next page
            keys = [key for key, _ in rows[:wanted]]
            for key, message in zip(keys, pack([item for _, item in rows[:wanted]]), strict=True):
                size += message.ByteSize()
                if messages and size > LARGEST_BYTES:
                    return messages, self._token(after)
                messages.append(message)
                after = key
            if len(rows) <= wanted:
                return messages, ""
            if len(messages) == self.size:
                return messages, self._token(after)

    def _token(self, key: K) -> str:
        parts = [str(part) for part in self.parts(key)]
        plain = json.dumps(parts, separators=(",", ":"))
        return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def by_creation(violations: Violations, request: PageMessage) -> Page[int]:
    """Unpack a page of networks or endpoints, in the order of their creation."""

    def parse(parts: Sequence[str]) -> int:
        [place] = map(int, parts)
        if not 0 <= place <= _LAST_PLACE:
            raise ValueError("not a place")
        return place

    return _page(violations, request, 0, parse, lambda place: [place])


def by_subnet(violations: Violations, request: PageMessage) -> Page[IPNetwork | None]:
    """Unpack a page of subnets, ordered by address."""

    def parse(parts: Sequence[str]) -> IPNetwork:
        [cidr] = parts
        return fields.subnet_cidr(cidr)

    return _page(violations, request, None, parse, lambda cidr: [cidr])


def by_allocation(violations: Violations, request: PageMessage) -> Page[AllocationKey | None]:
    """Unpack a page of allocations, ordered by backend, subnet and address."""

    def parse(parts: Sequence[str]) -> AllocationKey:
        backend, cidr, address = parts
        return AllocationKey(backend, fields.subnet_cidr(cidr), fields.address(address))

    return _page(violations, request, None, parse, lambda key: astuple(key) if key else ())


def _page(
    violations: Violations,
    request: PageMessage,
    beginning: K,
    parse: Callable[[Sequence[str]], K],
    parts: Callable[[K], Sequence[object]],
) -> Page[K]:
    if request.page_size < 0:
        violations.add("page_size", f"is negative; leave it out for the default, {DEFAULT_SIZE}")
    after = beginning
    if request.page_token:
        try:
            after = parse(_decode(request.page_token))
        except ValueError:
            violations.add(
                "page_token",
                "is not the next_page_token of an earlier response; begin again without",
            )
    return Page(min(request.page_size or DEFAULT_SIZE, LARGEST_SIZE), after, parts)


def _decode(token: str) -> Sequence[str]:
    try:
        key = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (binascii.Error, RecursionError) as error:
        raise ValueError(str(error)) from error
    if not isinstance(key, list):
        raise ValueError("not a list")  # noqa: TRY004 - the error of a parser
    return [str(part) for part in key]
