"""docs/ipam.md: typed as it stands, from top to bottom, it prints what it says."""

import re
from pathlib import Path

from mynet.v1 import ipam_pb2
from tests.e2e.daemon import Daemon
from tests.e2e.stage import Stage
from tests.project.markdown import Page

PATH = Path(__file__).parents[2] / "docs" / "ipam.md"
PAGE = Page(PATH, PATH.read_text())

# What is another every time: ids, times, counters, versions, and seconds that run down.
PASSING = re.compile(
    r'(?<="id": ")[0-9a-f]+(?=")|(?<="instance": ")[0-9a-f]+(?=")'
    r'|(?<="create_time": ")[^"]+(?=")|(?<="revision": ")\d+(?=")'
    r"|(?<![\d.])\d+\.\d+\.\d+(?![\d.])|\d+\.\d+(?= ?s\b)"
)


def pattern(shown: str) -> str:
    """Return what matches a program's output as the page shows it; "..." leaves lines out."""
    lines = PASSING.sub("*", shown).splitlines(keepends=True)
    return "".join(r"(?:.*\n)*" if line == "...\n" else re.escape(line) for line in lines)


def test_every_command_prints_what_the_page_says(empty_stage: Stage) -> None:
    daemon = Daemon(empty_stage)
    for command, shown in PAGE.transcript():
        script = f"cd /run\nexec 2>&1\n{command}"
        done = empty_stage.attempt("sh", "-c", script, PYTHONIOENCODING="utf-8")
        printed = PASSING.sub("*", done.stdout)
        assert re.fullmatch(pattern(shown), printed), f"{command}\n{done.stdout}"
    daemon.stop()


def test_every_verb_of_the_address_book_is_shown() -> None:
    shown = set(re.findall(r"mynet\.v1\.IPAMService/(\w+)", PAGE.text))
    service = ipam_pb2.DESCRIPTOR.services_by_name["IPAMService"]
    assert shown == {method.name for method in service.methods}
