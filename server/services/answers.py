"""Answers of several messages, and how much one message has room for."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import Message

# Of the parts of an answer. By default, a client refuses an answer of more than 4 MiB.
LARGEST_BYTES = 2 << 20

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class Answers:
    """The messages of a streamed answer, each of which is made when the caller takes it."""

    messages: Iterator[Message]
    # Bytes that the answer occupies in memory until the caller has taken the last message.
    size: int = 0


def fitting(parts: Iterable[M]) -> tuple[Sequence[M], int]:
    """Return the parts that an answer has room for, and the number of the others."""
    fit: list[M] = []
    omitted, size = 0, 0
    for part in parts:
        size += part.ByteSize()
        if size > LARGEST_BYTES:
            omitted += 1
        else:
            fit.append(part)
    return fit, omitted


def fitting_texts(texts: Iterable[str]) -> Sequence[str]:
    """Return the first sentences of a list, with a last one that counts the others."""
    shown: list[str] = []
    omitted, size = 0, 0
    for text in texts:
        size += len(text.encode())
        if size > LARGEST_BYTES // 4:
            omitted += 1
        else:
            shown.append(text)
    return [*shown, f"{omitted} more are not listed"] if omitted else shown
