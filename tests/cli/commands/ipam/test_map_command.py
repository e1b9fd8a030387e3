"""``mynetctl ipam map``: its requests, and its output with and without colours."""

import json
import os
import pty
import subprocess

import pytest

from tests.cli.conftest import BIN, Ctl, program
from tests.cli.support.fake import FakeDaemon
from tests.cli.support.samples import answer

RESERVED = ["10.9.0.4-10.9.0.5"]
PARTS = {"10.9.0.1/32": (1, 0), "10.9.0.2/32": (1, 0), "10.9.0.3/32": (0, 1)}
PLAIN = """\
10.9.0.0/29
1 allocated   2 reserved   3 cooling   4 free

10.9.0.0 -##~xx.-

# allocated  ~ cooling  x reserved  - never handed out  . free
"""
COLOURED = """\
[1m10.9.0.0/29[0m
1 allocated   2 reserved   3 cooling   4 free

10.9.0.0 [90m-[0m[32m##[0m[36m~[0m[33mxx[0m.[90m-[0m

[32m#[0m allocated  [36m~[0m cooling  [33mx[0m reserved  [90m-[0m never handed out  . free
""".replace("[", "\x1b[")
FULL = {"10.9.0.0/24": (255, 0), "10.9.1.0/24": (1, 0), "10.9.2.0/24": (0, 1)}


@pytest.mark.parametrize(
    ("cidr", "part"),
    [
        ("10.9.0.0/24", 32),
        ("10.9.0.7/22", 32),
        ("10.9.0.0/21", 29),
        ("10.9.0.0/16", 24),
        ("10.0.0.0/8", 16),
        ("0.0.0.0/0", 8),
        ("fd00::/118", 128),
        ("fd00::/117", 125),
        ("fd00::/96", 104),
    ],
)
def test_the_daemon_is_asked_for_parts_that_can_be_drawn(
    ctl: Ctl, daemon: FakeDaemon, cidr: str, part: int
) -> None:
    daemon.answer("GetSubnetMap", answer("10.9.0.0/24", {}))
    assert ctl("ipam", "map", cidr).status == 0
    assert daemon.asked == [("GetSubnetMap", {"subnet": cidr, "part_prefix_length": part})]


@pytest.mark.parametrize("cidr", ["fd00::/95", "fd00::/64", "::/0", "nonsense", "10.9.0.0.0/24"])
def test_the_daemon_chooses_the_parts_of_larger_and_invalid_subnets(
    ctl: Ctl, daemon: FakeDaemon, cidr: str
) -> None:
    daemon.answer("GetSubnetMap", answer("10.9.0.0/24", {}))
    ctl("ipam", "map", cidr)
    assert daemon.asked == [("GetSubnetMap", {"subnet": cidr})]


def test_map_as_json_is_the_answer_of_the_api(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("GetSubnetMap", answer("10.9.0.0/24", {"10.9.0.1/32": (1, 0)}))
    shown = json.loads(ctl("ipam", "map", "10.9.0.0/24", "--output", "json").out)
    assert list(shown) == ["subnet", "part_prefix_length", "parts"]
    assert shown["parts"] == [{"cidr": "10.9.0.1/32", "allocated": "1", "cooling": "0"}]


@pytest.fixture
def daemon(daemon: FakeDaemon) -> FakeDaemon:
    daemon.answer("GetSubnetMap", answer("10.9.0.0/29", PARTS, reserved=RESERVED))
    return daemon


def in_terminal(daemon: FakeDaemon, **environ: str) -> str:
    """Return the output of the command on a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [BIN / "mynetctl", "ipam", "map", "10.9.0.0/29"],
        env={"MYNET_ADDRESS": daemon.address, "PYTHONIOENCODING": "utf-8", **environ},
        stdout=theirs,
    ) as process:
        os.close(theirs)
        sent = b""
        try:
            while part := os.read(ours, 4096):
                sent += part
        except OSError:  # EIO: the other side is closed
            pass
    os.close(ours)
    assert process.returncode == 0
    return sent.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("environ", [{}, {"TERM": "xterm-256color"}, {"NO_COLOR": ""}])
def test_a_terminal_has_colours(daemon: FakeDaemon, environ: dict[str, str]) -> None:
    assert in_terminal(daemon, **environ) == COLOURED


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_without_colours_has_none(daemon: FakeDaemon, environ: dict[str, str]) -> None:
    assert in_terminal(daemon, **environ) == PLAIN


def test_a_pipe_has_no_colours(daemon: FakeDaemon) -> None:
    assert program(daemon, "ipam", "map", "10.9.0.0/29").stdout.decode() == PLAIN


def test_all_levels_of_density_have_the_colour_of_what_is_allocated(daemon: FakeDaemon) -> None:
    daemon.answer("GetSubnetMap", answer("10.9.0.0/16", FULL, 24))
    assert " \x1b[32m█▁\x1b[0m\x1b[36m~\x1b[0m......" in in_terminal(daemon)


@pytest.mark.parametrize(
    ("encoding", "signs"), [("utf-8", "█▁~"), ("ascii", "#1~"), ("latin-1", "#1~"), ("", "█▁~")]
)
def test_a_terminal_without_unicode_gets_ascii_levels(
    daemon: FakeDaemon, encoding: str, signs: str
) -> None:
    daemon.answer("GetSubnetMap", answer("10.9.0.0/16", FULL, 24))
    done = program(daemon, "ipam", "map", "10.9.0.0/16", env={"PYTHONIOENCODING": encoding})
    assert (done.returncode, done.stderr) == (0, b"")
    assert f"10.9.0.0 {signs}..." in done.stdout.decode()
    assert "\\u" not in done.stdout.decode()
