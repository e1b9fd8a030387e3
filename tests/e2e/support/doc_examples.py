"""Run the commands of a page of documentation, and compare what they print with the page."""

import re

from tests.e2e.support.daemon import Daemon
from tests.e2e.support.testbed import Testbed
from tests.project.docs.markdown import Page

# What varies: ids, MAC addresses and what follows from them, numbers of devices and processes,
# times, counters, versions, and seconds that run down.
VARYING = re.compile(
    r'(?<="time": ")[^"]+(?=")|(?<="request_id": ")[^"]+(?=")|(?<="ms": )[\d.]+'
    r'|(?<="id": ")[0-9a-f]+(?=")|(?<="instance": ")[0-9a-f]+(?=")'
    r'|(?<="create_time": ")[^"]+(?=")|(?<="revision": ")\d+(?=")'
    r"|\b[0-9a-f]{64}\b|\b[0-9a-f]{12}\b|\bveth[0-9a-f]{11}\b"
    r"|\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b|\bfe80::[0-9a-f:]+|(?<=@if)\d+ +"
    r"|(?<=\binstance )[0-9a-f]+|[\d-]{10} at [\d:]{8}(?= UTC)"
    r"|(?<=\bpid )\d+|\d+(?= bytes, revision)|(?<=, revision )\d+"
    r"|(?<![\d.])\d+\.\d+\.\d+(?![\d.])|\d+\.\d+(?= ?s\b)"
)


def _lasting(text: str) -> str:
    """Return a text without what varies, and without spaces at the ends of lines."""
    return re.sub(r" +$", "", VARYING.sub("*", text), flags=re.MULTILINE)


def _pattern(shown: str) -> str:
    """Return a regular expression for output as the page shows it; "..." stands for any lines."""
    lines = _lasting(shown).splitlines(keepends=True)
    return "".join(r"(?:.*\n)*" if line == "...\n" else re.escape(line) for line in lines)


def type_out(page: Page, testbed: Testbed) -> None:
    """Run every command of a page on a testbed, under a new daemon."""
    daemon = Daemon(testbed)
    type_commands(page, testbed)
    daemon.stop()


def type_commands(page: Page, testbed: Testbed) -> None:
    """Run every command of a page, or of a part of one, on a testbed with a daemon."""
    for command, shown in page.transcript():
        script = f"cd /run\nexec 2>&1\n{command}"
        environ = {"PYTHONIOENCODING": "utf-8", "XDG_CONFIG_HOME": "/run/config"}
        done = testbed.attempt("sh", "-c", script, **environ)
        assert re.fullmatch(_pattern(shown), _lasting(done.stdout)), f"{command}\n{done.stdout}"
