"""Characters that a terminal acts on, made visible.

Names, labels and messages come from callers, plugins and other programs. In a terminal, a control
character in them could move the cursor or clear the screen, and a bidirectional mark could reorder
what a person reads. Source: ECMA-48, and Unicode Standard Annex 9.
"""

import re

_COLOUR = re.compile(r"(\x1b\[[0-9;]*m)")  # as click writes it
_KEPT = "\n"


def visible(text: str) -> str:
    """Return a text with an escape sequence, such as ``\\x1b``, for each such character."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def visible_lines(text: str) -> str:
    """Return lines of text likewise, with their line breaks and colours."""
    parts = _COLOUR.split(text)
    parts[::2] = ["\n".join(map(visible, part.split("\n"))) for part in parts[::2]]
    return "".join(parts)


def visible_json(document: str) -> str:
    """Return a JSON document likewise, with the escape sequences of JSON."""
    return "".join(
        char if char.isprintable() or char in _KEPT else _json_escape(char) for char in document
    )


def _json_escape(char: str) -> str:
    encoded = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{encoded[place : place + 4]}" for place in range(0, len(encoded), 4))
