"""Any text as an argument, an option or a variable: an answer, or one line that says what to do."""

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cli.conftest import Ctl
from tests.cli.support.fake import FakeDaemon, Refusal

ODD = [
    *("", " ", "-", "--", "--help", "-x", "=", "a=", "=b", "a=b=c", ":", "::", ":80", "80:"),
    *("0", "-1", "1_0", "\u0661", "\uff11", "9" * 400, "65536", "0:80", "80:0", "8080-80:80"),
    *("80/icmp", "80/", "/tcp", "[::1]:80:80", "[::ffff:198.51.100.1]:8081:80", "::1:80:80"),
    *("198.51.100.1:80", "fe80::1%eth0:80:80", "10.1.0.1/33", "10.1.0.9-10.1.0.2", "010.1.0.1"),
    *("unix://", "unix:///", "unix:////", "localhost", "localhost:", "localhost:\u0663"),
    *("a\x1b[31mb", "\u202eabc", "a\nb", "\ufeff", "label=", "label=a", "label", "/dev/null"),
]
TEXTS = st.sampled_from(ODD) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12
)
COMMANDS: Sequence[Sequence[str]] = [
    ("network", "create", "?"),
    ("network", "create", "--subnet", "?", "blue"),
    ("network", "create", "--subnet", "10.1.0.0/24", "--gateway", "?", "blue"),
    ("network", "create", "--subnet", "10.1.0.0/24", "--ip-range", "?", "blue"),
    ("network", "create", "--subnet", "10.1.0.0/24", "--reserved", "?", "blue"),
    ("network", "create", "--mtu", "?", "blue"),
    ("network", "create", "--label", "?", "blue"),
    ("network", "create", "-o", "?", "blue"),
    ("network", "ls", "--filter", "?"),
    ("network", "inspect", "?"),
    ("connect", "--netns", "?", "blue", "one"),
    ("connect", "--ip", "?", "blue", "one"),
    ("connect", "--ip6", "?", "blue", "one"),
    ("connect", "--mac-address", "?", "blue", "one"),
    ("connect", "--publish", "?", "blue", "one"),
    ("connect", "--gw-priority", "?", "blue", "one"),
    ("connect", "--pid", "?", "blue", "one"),
    ("disconnect", "?", "one"),
    ("endpoint", "check", "?"),
    ("ipam", "subnet", "create", "?"),
    ("ipam", "subnet", "create", "--cooldown", "?", "10.9.0.0/24"),
    ("ipam", "allocate", "?", "--count", "2"),
    ("ipam", "allocate", "10.9.0.0/24", "--count", "?"),
    ("ipam", "map", "?"),
    ("ipam", "import", "--format", "?", "/dev/null"),
    ("--timeout", "?", "network", "ls"),
    ("--output", "?", "network", "ls"),
    ("?",),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_any_argument_ends_in_an_answer_or_in_one_line(
    ctl: Ctl, daemon: FakeDaemon, command: Sequence[str]
) -> None:
    for verb in ("CreateNetwork", "GetNetwork", "Connect", "Disconnect", "CheckEndpoint"):
        daemon.answer(verb, Refusal("NOT_FOUND", "NETWORK_NOT_FOUND", "there is none; make one"))
    for verb in ("CreateSubnet", "GetSubnetMap", "BatchAllocateAddresses", "ImportSubnets"):
        daemon.answer(verb, Refusal("NOT_FOUND", "SUBNET_NOT_FOUND", "there is none; make one"))

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(TEXTS)
    def check(text: str) -> None:
        require_one_line(*(text if word == "?" else word for word in command), ctl=ctl)

    check()


@pytest.mark.parametrize("variable", ["MYNET_ADDRESS", "MYNET_OUTPUT"])
def test_any_variable_ends_in_an_answer_or_in_one_line(ctl: Ctl, variable: str) -> None:
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.sampled_from(ODD))
    def check(text: str) -> None:
        require_one_line("--timeout", "0.1", "network", "ls", ctl=ctl, **{variable: text})

    check()


def require_one_line(*arguments: str, ctl: Ctl, **environ: str) -> None:
    done = ctl(*arguments, **environ)
    assert done.status in (0, 1, 2, 3), (arguments, done)
    assert "Traceback" not in done.err, (arguments, done)
    if done.status == 2 and not done.err.startswith("Usage:"):
        assert done.err.startswith("mynetctl: USAGE: "), (arguments, done)
        assert done.err.count("\n") == 1, (arguments, done)
        assert done.err.rstrip("\n").isprintable(), (arguments, done)
