"""docs/security.md: its callers can do what the page says, and no more."""

import signal
from pathlib import Path

from tests.e2e.support.daemon import Daemon, eventually
from tests.e2e.support.doc_examples import type_commands
from tests.e2e.support.testbed import Testbed
from tests.project.docs.markdown import Page

PATH = Path(__file__).parents[3] / "docs" / "security.md"
PAGE = Page(PATH, PATH.read_text())
CALLERS = ("A CI user", "A monitoring user", "An orchestrator on another host")


def part(section: str) -> Page:
    return Page(PATH, PAGE.section(section))


def test_each_caller_gets_what_it_needs_and_no_more(empty_testbed: Testbed) -> None:
    empty_testbed.shield("/etc")
    folder = empty_testbed.root / "etc" / "mynet"
    folder.mkdir()
    empty_testbed.run("ip", "netns", "add", "one")
    type_commands(part("Certificates"), empty_testbed)
    (config,) = PAGE.blocks("toml")
    for group in ("ci", "monitoring"):  # which the testbed does not have
        config = config.replace(f",group={group}", "")
    (folder / "mynet.toml").write_text(config)
    daemon = Daemon(empty_testbed, "--config", "/etc/mynet/mynet.toml", "--log-format", "json")
    daemon.create("web-1", "10.88.0.0/24")
    for caller in CALLERS[:2]:
        type_commands(part(caller), empty_testbed)
    daemon.delete("web-1")
    daemon.create("db", "10.87.0.0/24", labels={"team": "db"})
    type_commands(part(CALLERS[2]), empty_testbed)

    ending = PAGE.section("To shut a caller out")
    first, fence, rest = ending.partition("```sh")
    type_commands(Page(PATH, first), empty_testbed)
    daemon.signal(signal.SIGHUP)
    eventually(lambda: any(event["event"] == "reloaded" for event in daemon.events()))
    type_commands(Page(PATH, fence + rest), empty_testbed)
    daemon.stop()


def test_every_console_is_typed() -> None:
    typed = {*CALLERS, "Certificates", "To shut a caller out"}
    assert {title for title in PAGE.headings() if part(title).transcript()} == typed
