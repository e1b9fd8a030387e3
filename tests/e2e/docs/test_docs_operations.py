"""docs/operations.md: its commands print the output on the page."""

import re
from pathlib import Path

from mynet.server.main import main as mynetd
from tests.e2e.support.daemon import Daemon
from tests.e2e.support.doc_examples import type_commands
from tests.e2e.support.surroundings.obstacles import OBSTACLES
from tests.e2e.support.testbed import Testbed
from tests.project.docs.markdown import Page

FOLDER = Path(__file__).parents[3] / "docs"
PAGE = Page(FOLDER / "operations.md", (FOLDER / "operations.md").read_text())


def part(title: str) -> Page:
    return Page(PAGE.path, PAGE.section(title))


def lines_of(title: str) -> list[str]:
    """Return the lines of the script in a section."""
    (script,) = part(title).blocks("sh")
    return script.splitlines()


def test_every_console_prints_the_output_on_the_page(empty_testbed: Testbed) -> None:
    testbed = empty_testbed
    daemon = Daemon(testbed)
    for folder in ("/srv", "/tmp"):  # noqa: S108 - the page writes there
        testbed.shield(folder)
    type_commands(part("What a start does"), testbed)
    for name in ("one", "two"):
        testbed.run("mynetctl", "network", "create", name)
        testbed.run("mynetctl", "connect", name, name)
    (line,) = lines_of("Backup")
    testbed.run("sh", "-euc", line.replace("$(date +%F)", "2026-11-24"))
    type_commands(part("Backup"), testbed)
    testbed.run("mynetctl", "network", "create", "three")
    daemon.stop()
    type_commands(part("Fsck"), testbed)
    shown = {title for title in PAGE.headings() if part(title).transcript()}
    assert shown == {"What a start does", "Backup", "Fsck"}


def test_the_commands_to_uninstall_leave_nothing(empty_testbed: Testbed) -> None:
    testbed = empty_testbed
    before = testbed.state()
    daemon = Daemon(testbed)
    testbed.run("ip", "netns", "add", "box")
    for name in ("one", "two"):
        testbed.run("mynetctl", "network", "create", name)
        testbed.run("mynetctl", "connect", "--netns", "box", name, "box")
    remove, disable, *rest = lines_of("Uninstall")
    testbed.run("sh", "-euc", remove)
    assert disable == "systemctl disable --now mynetd"
    daemon.stop()
    for line in rest:
        testbed.run("sh", "-euc", line)
    testbed.run("ip", "netns", "delete", "box")
    assert testbed.state() == before
    assert not (testbed.root / "var/lib/mynet").exists()


def test_the_systemd_unit_starts_mynetd_with_valid_options() -> None:
    page = Page(FOLDER / "mynetd.md", (FOLDER / "mynetd.md").read_text())
    units = "\n".join(page.blocks("ini"))
    options = re.findall(r"^ExecStart(?:Pre)?=/opt/mynet/bin/mynetd (.*)$", units, re.MULTILINE)
    assert len(options) == 2
    for given in options:
        mynetd.make_context("mynetd", given.split(), resilient_parsing=False)


def test_each_command_against_what_is_in_the_way_is_one_that_the_tests_run() -> None:
    rows = part("What other programs put in the way").text.splitlines()
    commands = [re.findall(r"`([^`]*)`", row) for row in rows if row.startswith("| ")]
    pairs = {tuple(found) for found in commands if len(found) == 2}
    tested = {
        (obstacle.replace("sysctl -qw", "sysctl -w"), command)
        for obstacle, command in OBSTACLES.items()
    }
    assert pairs - {("mynetctl network inspect", "network ls")} <= tested
    assert len(pairs) > 4
