"""docs/mynetctl.md: the commands of each section print its output, on a prepared host."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.support.daemon import Daemon
from tests.e2e.support.doc_examples import type_commands
from tests.e2e.support.testbed import Testbed
from tests.project.docs.markdown import Page

PATH = Path(__file__).parents[3] / "docs" / "mynetctl.md"
PAGE = Page(PATH, PATH.read_text())
INTRODUCTION = PAGE.text.partition("\n## ")[0]

# The state that each section starts from, as shell commands.
BLUE = "mynetctl network create --subnet 10.88.0.0/24 --subnet fd88::/64 blue"
RED = "mynetctl network create --internal --subnet 10.3.0.0/24 -o icc=false --label team=red red"
ONE, TWO = (f"mynetctl connect --netns {name} blue {name}" for name in ("one", "two"))
LINES = (
    r"blue one --netns one --ip 10.88.0.11 --publish 8080:80\n"
    r"blue two --netns two --ip 10.88.0.12\nnone three\n"
)
PUBLISHED = f"{TWO} --publish 8080:80"
ALLOCATE = "mynetctl ipam allocate 10.9.0.0/24"
SCENES = {
    "": (),
    "For all commands": (BLUE,),
    "network ls": (BLUE, RED, ONE, TWO),
    "network rm": (BLUE, RED, TWO),
    "batch connect": (
        "mynetctl network create --subnet 10.88.0.0/24 blue",
        f"printf '{LINES}' >/run/containers",
    ),
    "endpoint ls": (BLUE, ONE, PUBLISHED),
    "endpoint update": (BLUE, PUBLISHED),
    "endpoint check": (BLUE, TWO, "ip -n two address delete 10.88.0.2/24 dev eth0"),
    "run": (BLUE, ONE, TWO),
    "topology": (BLUE, RED, f"{ONE} -p 8080:80", TWO, "mynetctl connect --netns one red one"),
    "ipam allocate": (),
    "ipam release": (f"{ALLOCATE} --owner vm-7", f"{ALLOCATE} --count 2 --owner-prefix pod-"),
    "ipam ls": (f"{ALLOCATE} --owner vm-7",),
    "ipam map": (
        "mynetctl ipam subnet create 10.9.0.0/26 --reserved 10.9.0.48-10.9.0.57",
        "mynetctl ipam allocate 10.9.0.0/26 --count 5",
        "mynetctl ipam release 10.9.0.0/26 10.9.0.5",
    ),
    "ipam subnet create": (),
    "ipam subnet ls": (
        *(BLUE, ONE, TWO, f"{ALLOCATE} --count 4"),
        "mynetctl ipam release 10.9.0.0/24 10.9.0.4",
    ),
    "driver ls": (),
    "backup": (BLUE,),
    "context add": (BLUE,),
    "context use": (),
    "context show": (),
    "context rm": (),
    "version": (),
    "doctor": (BLUE, ONE, "ip link delete br-blue", "ip -n one link delete eth0"),
}


@pytest.fixture
def host(empty_testbed: Testbed) -> Iterator[Testbed]:
    """Return a host with two sandboxes, and a daemon that repairs no damage by itself."""
    for name in ("one", "two"):
        empty_testbed.run("ip", "netns", "add", name)
    empty_testbed.shield("/srv")  # where the section "backup" writes
    daemon = Daemon(empty_testbed, "--no-heal")
    yield empty_testbed
    empty_testbed.run("mynetctl", "doctor", "--repair")
    daemon.stop()


def part(section: str) -> Page:
    return Page(PATH, PAGE.section(section) if section else INTRODUCTION)


def test_every_section_with_a_console_is_tested() -> None:
    assert {title for title in ("", *PAGE.headings()) if part(title).transcript()} == SCENES.keys()


@pytest.mark.parametrize("section", SCENES)
def test_every_command_prints_the_output_in_its_section(host: Testbed, section: str) -> None:
    for line in SCENES[section]:
        host.run("sh", "-euc", line)
    type_commands(part(section), host)
