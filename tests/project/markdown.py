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
        """Return its blocks of code in some languages."""
        return [block for language, block in _FENCE.findall(self.text) if language in languages]

    def transcript(self) -> list[tuple[str, str]]:
        """Return the commands typed in its consoles, in their order, each with what it printed.

        A command goes on for as long as a shell would wait for its end: see :func:`commands`.
        """
        return [each for block in self.blocks("console") for each in commands(block)]

    def section(self, title: str) -> str:
        """Return what stands between a heading and the next."""
        _, _, rest = f"\n{self.text}".partition(f"\n## {title}\n")
        assert rest, f"{self.path} has no section {title}"
        return rest.partition("\n## ")[0]

    def headings(self) -> list[str]:
        """Return the titles of all headings but the first, which is the page's own."""
        return [title for _, title in _HEADING.findall(self.prose)][1:]

    def anchors(self) -> set[str]:
        """Return what a link to a place in this page may end with, as GitHub makes it."""
        titles = (title.lower() for _, title in _HEADING.findall(self.prose))
        return {re.sub(r"[^\w -]", "", title).replace(" ", "-") for title in titles}

    def links(self) -> list[str]:
        """Return where its links lead."""
        return _LINK.findall(_CODE.sub("", self.prose))


def rows(text: str) -> Mapping[str, str]:
    """Return the rows of tables, by their first cell."""
    found = re.findall(r"^\| (.+?) \|(.*)\|$", text.replace(r"\|", "/"), re.MULTILINE)
    return dict(found)


def spans(text: str) -> list[str]:
    """Return what stands in `backquotes` in a text without blocks of code."""
    return [code.strip("`") for code in _CODE.findall(_FENCE.sub("", text))]


def commands(block: str) -> Iterator[tuple[str, str]]:
    """Yield the commands of a console, which stand behind "$ ", each with what it printed."""
    for typed in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        lines = typed.splitlines(keepends=True)
        length = next(
            (number for number in range(1, len(lines)) if _ended("".join(lines[:number]))),
            len(lines),
        )
        yield "".join(lines[:length]).rstrip("\n"), "".join(lines[length:])


def _ended(command: str) -> bool:
    """Say whether a command has no open quotes, and no backslash at its end."""
    try:
        shlex.split(command.rstrip("\n"))
    except ValueError:
        return False
    return True
