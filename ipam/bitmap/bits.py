"""A bitmap of any size, which takes memory for the bits that are set and finds a clear bit fast.

Bits are kept in pages of 4096. A page in which no bit is set takes no memory. Another bitmap of
this kind records which pages are *full*, and so on for each level. A search reads one page a level
on the way up and one on the way down: three pages for a /8, however full it is, and 21 for all of
IPv6.
"""

from collections.abc import Iterator

PAGE_BITS = 4096
_FULL = (1 << PAGE_BITS) - 1


class SparseBits:
    """Bits numbered from 0, without an end. Not safe for concurrent use."""

    def __init__(self) -> None:
        self._pages: dict[int, int] = {}
        self._full: SparseBits | None = None

    def __contains__(self, position: int) -> bool:
        """Return whether a bit is set."""
        number, bit = divmod(position, PAGE_BITS)
        return bool(self._pages.get(number, 0) >> bit & 1)

    def set(self, position: int) -> None:
        """Set a bit."""
        number, bit = divmod(position, PAGE_BITS)
        self.put_page(number, self._pages.get(number, 0) | 1 << bit)

    def clear(self, position: int) -> None:
        """Clear a bit."""
        number, bit = divmod(position, PAGE_BITS)
        self.put_page(number, self._pages.get(number, 0) & ~(1 << bit))

    def page(self, number: int) -> int:
        """Return a page as an integer, whose bit 0 is bit ``number * 4096`` of the map."""
        return self._pages.get(number, 0)

    def put_page(self, number: int, bits: int) -> None:
        """Replace a page."""
        was_full = self._pages.get(number) == _FULL
        if bits:
            self._pages[number] = bits
        else:
            self._pages.pop(number, None)
        if bits == _FULL and not was_full:
            self._full = self._full or SparseBits()
            self._full.set(number)
        elif was_full and bits != _FULL and self._full:
            self._full.clear(number)

    def pages(self) -> Iterator[tuple[int, int]]:
        """Return the number and bits of each page that has a bit set, in no order."""
        return iter(self._pages.items())

    def next_clear(self, start: int) -> int:
        """Return the first bit from ``start`` on that is not set."""
        number, bit = divmod(start, PAGE_BITS)
        clear = ~self._pages.get(number, 0) & _FULL & -(1 << bit)
        if not clear:
            number = self._full.next_clear(number + 1) if self._full else number + 1
            clear = ~self._pages.get(number, 0) & _FULL
        lowest = (clear & -clear).bit_length() - 1
        return number * PAGE_BITS + lowest
