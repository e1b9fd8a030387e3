"""A Markdown file: its sections, tables, code and links."""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`[^`\n]*`")


@dataclass(frozen=True)
class Page:
    """A Markdown file."""

    path: Path
    text: str

    @property
    def prose(self) -> str:
        """The text without its blocks of code."""
        return _FENCE.sub("", self.text)

    def blocks(self, *languages: str) -> list[str]:
        """Return its code blocks in some languages."""
        return [block for language, block in _FENCE.findall(self.text) if language in languages]

    def transcript(self) -> list[tuple[str, str]]:
        """Return the commands in its console blocks, each with its output, as :func:`commands`."""
        return [command for block in self.blocks("console") for command in commands(block)]

    def section(self, title: str) -> str:
        """Return the text between a heading and the next heading."""
        _, _, rest = f"\n{self.text}".partition(f"\n## {title}\n")
        assert rest, f"{self.path} has no section {title}"
        return rest.partition("\n## ")[0]

    def headings(self) -> list[str]:
        """Return all headings except the first, which is the title of the page."""
        return [title for _, title in _HEADING.findall(self.prose)][1:]

    def anchors(self) -> set[str]:
        """Return the anchors of the headings, as GitHub makes them."""
        titles = (title.lower() for _, title in _HEADING.findall(self.prose))
        return {re.sub(r"[^\w -]", "", title).replace(" ", "-") for title in titles}

    def links(self) -> list[str]:
        """Return the targets of its links."""
        return _LINK.findall(_CODE.sub("", self.prose))


def rows(text: str) -> Mapping[str, str]:
    """Return the rows of all tables by their first cell."""
    return dict(re.findall(r"^\| (.+?) \|(.*)\|$", text.replace(r"\|", "/"), re.MULTILINE))


def spans(text: str) -> list[str]:
    """Return the texts in `backquotes`, except in code blocks."""
    return [code.strip("`") for code in _CODE.findall(_FENCE.sub("", text))]


def commands(block: str) -> Iterator[tuple[str, str]]:
    """Yield the commands of a console block, each with its output.

    A command begins with "$ " and continues on the next line if a quote is open, or after a
    backslash.
    """
    for typed in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        lines = typed.splitlines(keepends=True)
        length = next(
            (number for number in range(1, len(lines)) if _ended("".join(lines[:number]))),
            len(lines),
        )
        yield "".join(lines[:length]).rstrip("\n"), "".join(lines[length:])


def _ended(command: str) -> bool:
    """Return whether a command has no open quotes, and no backslash at its end."""
    try:
        shlex.split(command.rstrip("\n"))
    except ValueError:
        return False
    return True
