"""SparseBits compared with a Python set, and its cost."""

import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mynet.ipam.bitmap.bits import PAGE_BITS, SparseBits

FULL = (1 << PAGE_BITS) - 1
SLASH_8 = 1 << 24
PAGES_OF_A_SLASH_8 = SLASH_8 // PAGE_BITS

# Around the edges of pages, in the first few of them and in the last of IPv6.
positions = st.builds(
    lambda page, bit: page * PAGE_BITS + bit,
    st.sampled_from([0, 1, 2, 3, 4095, 4096, 2**116 - 1]),
    st.sampled_from([0, 1, 2, 2047, PAGE_BITS - 2, PAGE_BITS - 1]),
)
changes = st.lists(st.tuples(st.sampled_from(["set", "clear", "fill", "empty"]), positions))


def changed(bits: SparseBits, model: set[int], change: str, position: int) -> None:
    """Do the same to both."""
    number = position // PAGE_BITS
    page = range(number * PAGE_BITS, (number + 1) * PAGE_BITS)
    if change == "set":
        bits.set(position)
        model.add(position)
    elif change == "clear":
        bits.clear(position)
        model.discard(position)
    elif change == "fill":
        bits.put_page(number, FULL)
        model.update(page)
    else:
        bits.put_page(number, 0)
        model.difference_update(page)


def next_clear(model: set[int], start: int) -> int:
    while start in model:
        start += 1
    return start


@given(changes, st.lists(positions))
def test_sparse_bits_behave_like_a_set_of_numbers(
    changes: list[tuple[str, int]], asked: list[int]
) -> None:
    bits, model = SparseBits(), set[int]()
    for change, position in changes:
        changed(bits, model, change, position)
    for position in [*asked, *(position for _, position in changes)]:
        assert (position in bits) == (position in model)
        assert bits.next_clear(position) == next_clear(model, position)


@given(changes)
def test_a_copy_of_the_pages_is_equal(changes: list[tuple[str, int]]) -> None:
    bits, model, copy = SparseBits(), set[int](), SparseBits()
    for change, position in changes:
        changed(bits, model, change, position)
    for number, page in bits.pages():
        assert page == bits.page(number) != 0
        copy.put_page(number, page)
    for _, position in changes:
        assert copy.next_clear(position) == bits.next_clear(position)
    assert {position // PAGE_BITS for position in model} == {number for number, _ in bits.pages()}


def test_setting_and_clearing_twice_is_once() -> None:
    bits = SparseBits()
    for _ in range(2):
        bits.set(7)
        assert bits.next_clear(7) == 8
    for _ in range(2):
        bits.clear(7)
        assert bits.next_clear(7) == 7


def test_an_empty_page_is_not_kept() -> None:
    bits = SparseBits()
    bits.set(2**127)
    assert [number for number, _ in bits.pages()] == [2**115]
    bits.clear(2**127)
    assert list(bits.pages()) == []


def filled(count: int) -> SparseBits:
    bits = SparseBits()
    for number in range(count):
        bits.put_page(number, FULL)
    return bits


@pytest.mark.parametrize("count", [1, 2, 4095, 4096, 4097, 8192])
def test_full_pages_are_skipped(count: int) -> None:
    bits = filled(count)
    assert bits.next_clear(0) == bits.next_clear(count * PAGE_BITS - 1) == count * PAGE_BITS
    bits.clear(5)
    assert bits.next_clear(0) == 5
    assert bits.next_clear(6) == count * PAGE_BITS
    bits.set(5)
    assert bits.next_clear(0) == count * PAGE_BITS


class Visited(dict[int, int]):
    """Pages that count how often one is looked at."""

    visits = 0

    def get(self, *key: Any) -> Any:
        self.visits += 1
        return super().get(*key)


def visits_of(bits: SparseBits, start: int) -> int:
    """Count the pages that a search looks at, of all levels."""
    levels: list[Visited] = []
    level: SparseBits | None = bits
    while level:
        level._pages = Visited(level._pages)
        levels.append(level._pages)
        level = level._full
    bits.next_clear(start)
    return sum(pages.visits for pages in levels)


@pytest.mark.parametrize("free", [0, 1, SLASH_8 // 2, SLASH_8 - 1])
def test_a_search_looks_at_few_pages_however_full_a_slash_8_is(free: int) -> None:
    bits = filled(PAGES_OF_A_SLASH_8)
    bits.clear(free)
    assert bits.next_clear(0) == free
    assert visits_of(bits, 0) <= 3


def test_a_search_looks_at_few_pages_behind_the_first_2_24_of_a_slash_64() -> None:
    bits = filled(PAGES_OF_A_SLASH_8)
    assert bits.next_clear(0) == SLASH_8
    assert visits_of(bits, 0) <= 5


def test_a_slash_8_that_is_nearly_full_takes_few_megabytes() -> None:
    tracemalloc.start()
    try:
        bits = SparseBits()
        for number in range(PAGES_OF_A_SLASH_8):
            bits.put_page(number, FULL ^ (1 << number % PAGE_BITS))
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert bits.next_clear(1) == PAGE_BITS + 1
    assert taken < 4 * 2**20
