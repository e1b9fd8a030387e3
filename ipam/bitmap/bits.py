"""A bitmap of any size whose memory follows what is set, and whose search does not.

Bits lie in pages of 4096; a page that has no bit set is not there. Which pages are *full* is itself
kept in such a bitmap, one level up, and so on. To find a free bit is to look at a page a level, on
the way up and again on the way down: at three for a /8 however full it is, at 21 for all of IPv6.
"""

from collections.abc import Iterator

PAGE_BITS = 4096
_FULL = (1 << PAGE_BITS) - 1


class SparseBits:
    """Bits numbered from 0, without an end. Not safe for two threads at once."""

    def __init__(self) -> None:
        self._pages: dict[int, int] = {}
        self._full: SparseBits | None = None

    def __contains__(self, position: int) -> bool:
        """Say whether a bit is set."""
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
        """Return a page as a number: its bit 0 is bit ``number * 4096`` of the map."""
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
        """Iterate over the pages that have a bit set: number and bits, in no order."""
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
