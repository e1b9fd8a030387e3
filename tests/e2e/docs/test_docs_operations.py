"""docs/operations.md: what it shows, typed where it holds, prints what it says."""

import re
from pathlib import Path

from mynet.server.main import main as mynetd
from tests.e2e.support.daemon import Daemon
from tests.e2e.support.doc_examples import type_commands
from tests.e2e.support.testbed import Stage
from tests.project.markdown import Page

FOLDER = Path(__file__).parents[3] / "docs"
PAGE = Page(FOLDER / "operations.md", (FOLDER / "operations.md").read_text())


def part(title: str) -> Page:
    return Page(PAGE.path, PAGE.section(title))


def lines_of(title: str) -> list[str]:
    """Return the lines of a section's script."""
    (script,) = part(title).blocks("sh")
    return script.splitlines()


def test_every_console_prints_what_the_page_says(empty_stage: Stage) -> None:
    stage = empty_stage
    daemon = Daemon(stage)
    for folder in ("srv", "tmp"):  # so what is written there is the stage's, too
        stage.run("mount", "-t", "tmpfs", "tmpfs", f"/{folder}")
    type_commands(part("What a start does"), stage)
    for name in ("one", "two"):
        stage.run("mynetctl", "network", "create", name)
        stage.run("mynetctl", "connect", name, name)
    (line,) = lines_of("Backup")
    stage.run("sh", "-euc", line.replace("$(date +%F)", "2026-11-24"))
    type_commands(part("Backup"), stage)
    stage.run("mynetctl", "network", "create", "three")
    daemon.stop()
    type_commands(part("Fsck"), stage)
    shown = {title for title in PAGE.headings() if part(title).transcript()}
    assert shown == {"What a start does", "Backup", "Fsck"}


def test_when_mynet_is_taken_away_nothing_is_left(empty_stage: Stage) -> None:
    stage = empty_stage
    before = stage.state()
    daemon = Daemon(stage)
    stage.run("ip", "netns", "add", "box")
    for name in ("one", "two"):
        stage.run("mynetctl", "network", "create", name)
        stage.run("mynetctl", "connect", "--netns", "box", name, "box")
    remove, disable, *rest = lines_of("Away with it")
    stage.run("sh", "-euc", remove)
    assert disable == "systemctl disable --now mynetd"
    daemon.stop()
    for line in rest:
        stage.run("sh", "-euc", line)
    stage.run("ip", "netns", "delete", "box")
    assert stage.state() == before
    assert not (stage.root / "var/lib/mynet").exists()


def test_the_service_is_started_as_mynetd_can_be() -> None:
    page = Page(FOLDER / "mynetd.md", (FOLDER / "mynetd.md").read_text())
    (unit,) = page.blocks("ini")
    found = re.search(r"^ExecStart=/opt/mynet/bin/mynetd (.*)$", unit, re.MULTILINE)
    assert found
    mynetd.make_context("mynetd", found[1].split(), resilient_parsing=False)
