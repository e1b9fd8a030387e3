"""A page of documentation, typed as it stands, from top to bottom, prints what it says."""

import re

from tests.e2e.daemon import Daemon
from tests.e2e.stage import Stage
from tests.project.markdown import Page

# What is another every time: ids, times, counters, versions, and seconds that run down.
PASSING = re.compile(
    r'(?<="id": ")[0-9a-f]+(?=")|(?<="instance": ")[0-9a-f]+(?=")'
    r'|(?<="create_time": ")[^"]+(?=")|(?<="revision": ")\d+(?=")'
    r"|(?<![\d.])\d+\.\d+\.\d+(?![\d.])|\d+\.\d+(?= ?s\b)"
)


def _pattern(shown: str) -> str:
    """Return what matches a program's output as the page shows it; "..." leaves lines out."""
    lines = PASSING.sub("*", shown).splitlines(keepends=True)
    return "".join(r"(?:.*\n)*" if line == "...\n" else re.escape(line) for line in lines)


def type_out(page: Page, stage: Stage) -> None:
    """Type every command of a page, on a stage with a daemon that has nothing yet."""
    daemon = Daemon(stage)
    for command, shown in page.transcript():
        script = f"cd /run\nexec 2>&1\n{command}"
        done = stage.attempt("sh", "-c", script, PYTHONIOENCODING="utf-8")
        printed = PASSING.sub("*", done.stdout)
        assert re.fullmatch(_pattern(shown), printed), f"{command}\n{done.stdout}"
    daemon.stop()
