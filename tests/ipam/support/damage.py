"""Single bytes flipped where SQLite files have content: in the cells of their b-tree pages.

Noise at other places is in unused bytes, or breaks the structure of a page. A flipped byte in a
cell changes one row, or one entry of an index, and leaves the structure as it is.

Sources: https://sqlite.org/fileformat.html#b_tree_pages and the section on the write-ahead log.
"""

import struct
from collections.abc import Iterator

PAGE = 4096
_FILE_HEADER = 100
_INTERIOR, _LEAVES = {2, 5}, {10, 13}  # the kinds of b-tree pages
_LOG_HEADER, _FRAME_HEADER = 32, 24


def cells(file: bytes) -> list[range]:
    """Return the places of each cell in a database file, whether of a table or of an index."""
    return [cell for start in range(0, len(file), PAGE) for cell in _cells_of_page(file, start)]


def cells_of_log(log: bytes) -> list[range]:
    """Return the places of each cell in the pages of a write-ahead log."""
    return [
        cell
        for start in range(_LOG_HEADER + _FRAME_HEADER, len(log), PAGE + _FRAME_HEADER)
        for cell in _cells_of_page(log, start, is_first=_page_number(log, start) == 1)
    ]


def flip(data: bytes, at: int) -> bytes:
    """Return the data with one bit of a byte inverted."""
    return data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]


def with_checksums(log: bytes) -> bytes:
    """Return a write-ahead log whose frames have the checksums of their content.

    It is as if the content had been damaged in memory, before SQLite wrote it.
    """
    order = ">" if log[3] & 1 else "<"
    done = bytearray(log)
    sums = struct.unpack(">2I", log[24:32])
    for start in range(_LOG_HEADER, len(log), PAGE + _FRAME_HEADER):
        content = log[start : start + 8] + log[start + 24 : start + 24 + PAGE]
        for first, second in struct.iter_unpack(f"{order}2I", content):
            low = sums[0] + first + sums[1] & 0xFFFFFFFF
            sums = low, sums[1] + second + low & 0xFFFFFFFF
        done[start + 16 : start + 24] = struct.pack(">2I", *sums)
    return bytes(done)


def _page_number(log: bytes, start: int) -> int:
    return int.from_bytes(log[start - _FRAME_HEADER : start - _FRAME_HEADER + 4], "big")


def _cells_of_page(data: bytes, start: int, *, is_first: bool | None = None) -> Iterator[range]:
    header = start + _FILE_HEADER * (start == 0 if is_first is None else is_first)
    kind = data[header]
    if kind in _INTERIOR | _LEAVES:
        count = int.from_bytes(data[header + 3 : header + 5], "big")
        pointers = header + (12 if kind in _INTERIOR else 8)
        offsets = sorted(struct.unpack_from(f">{count}H", data, pointers))
        for offset, end in zip(offsets, [*offsets[1:], PAGE], strict=True):
            yield range(start + offset, start + end)
