"""Pages of lists: sizes, and tokens that say behind which item a page begins."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from mynet.ipam.api import IPNetwork
from mynet.server.model.subnets import AllocationKey
from mynet.server.services.from_proto import fields
from mynet.server.services.violations import Faults

DEFAULT_SIZE, LARGEST_SIZE = 100, 1000
_LAST_PLACE = 2**63 - 1  # the largest number that SQLite has

K = TypeVar("K")
V = TypeVar("V")


class PageMessage(Protocol):
    """A request for a page of a list."""

    @property
    def page_size(self) -> int:
        """How many items are wanted, 0 for the default."""

    @property
    def page_token(self) -> str:
        """Where to go on, "" for the beginning."""


@dataclass(frozen=True, slots=True)
class Page(Generic[K]):
    """A page asked for: ``size`` items behind the one with key ``after``.

    The core is asked for one more (``limit``): if it is there, there is a next page.
    """

    size: int
    after: K
    parts: Callable[[K], Sequence[object]]

    @property
    def limit(self) -> int:
        """How many items to ask the core for."""
        return self.size + 1

    def of(self, found: Sequence[tuple[K, V]]) -> Sequence[tuple[K, V]]:
        """Return what belongs on this page."""
        return found[: self.size]

    def next_token(self, found: Sequence[tuple[K, V]]) -> str:
        """Return the token of the next page, or "" where this is the last."""
        if len(found) <= self.size:
            return ""
        key = [str(part) for part in self.parts(found[self.size - 1][0])]
        plain = json.dumps(key, separators=(",", ":"))
        return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def by_place(faults: Faults, request: PageMessage) -> Page[int]:
    """Read a request for a page of networks or endpoints, in the order in which they were made."""

    def parse(parts: Sequence[str]) -> int:
        [place] = map(int, parts)
        if not 0 <= place <= _LAST_PLACE:
            raise ValueError("no place")
        return place

    return _page(faults, request, 0, parse, lambda place: [place])


def by_subnet(faults: Faults, request: PageMessage) -> Page[IPNetwork | None]:
    """Read a request for a page of subnets."""

    def parse(parts: Sequence[str]) -> IPNetwork:
        [cidr] = parts
        return fields.book_cidr(cidr)

    return _page(faults, request, None, parse, lambda cidr: [cidr])


def by_allocation(faults: Faults, request: PageMessage) -> Page[AllocationKey | None]:
    """Read a request for a page of allocations."""

    def parse(parts: Sequence[str]) -> AllocationKey:
        backend, cidr, address = parts
        return AllocationKey(backend, fields.book_cidr(cidr), fields.address(address))

    return _page(
        faults,
        request,
        None,
        parse,
        lambda key: [key.backend, key.cidr, key.address] if key else [],
    )


def _page(
    faults: Faults,
    request: PageMessage,
    beginning: K,
    parse: Callable[[Sequence[str]], K],
    parts: Callable[[K], Sequence[object]],
) -> Page[K]:
    if request.page_size < 0:
        faults.add("page_size", f"is negative; leave it out for {DEFAULT_SIZE}")
    after = beginning
    if request.page_token:
        try:
            after = parse(_decode(request.page_token))
        except ValueError:
            faults.add("page_token", "is not the next_page_token of an earlier answer")
    return Page(min(request.page_size or DEFAULT_SIZE, LARGEST_SIZE), after, parts)


def _decode(token: str) -> Sequence[str]:
    try:
        key = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (binascii.Error, RecursionError) as error:
        raise ValueError(str(error)) from error
    if not isinstance(key, list):
        raise ValueError("not a list")  # noqa: TRY004 - what a parser says
    return [str(part) for part in key]
