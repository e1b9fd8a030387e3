"""Answers of several messages."""

from collections.abc import Iterator
from dataclasses import dataclass

from google.protobuf.message import Message


@dataclass(frozen=True, slots=True)
class Answers:
    """The messages of a streamed answer, each of which is made when the caller takes it."""

    messages: Iterator[Message]
    # Bytes that the answer occupies in memory until the caller has taken the last message.
    size: int = 0
