"""A host with a second uplink: replies leave by it, as docs/firewalls.md says."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.support.daemon import Daemon
from tests.e2e.support.namespace import Namespace
from tests.e2e.support.published_ports import ADDRESSES, WEB, reached
from tests.e2e.support.testbed import Sandbox
from tests.project.docs.markdown import Page

PATH = Path(__file__).parents[3] / "docs" / "firewalls.md"
HOST, ROUTER, CLIENT = "198.51.100.1", "198.51.100.2", "192.0.2.9"

_SET_UP = f"""
link add up1 type veth peer name eth0 netns router
address add {HOST}/24 dev up1
link set up1 up
"""
_ROUTER = f"""
link set lo up
address add {ROUTER}/24 dev eth0
address add {CLIENT}/32 dev lo
link set eth0 up
"""
_CLEAN_UP = """
nft delete table inet replies
ip rule delete priority 1010
ip route flush table 101
ip link delete up1
"""


@pytest.fixture
def router(daemon: Daemon) -> Iterator[Namespace]:
    """A router at the second uplink, with a client behind it that no other route leads to."""
    made = Sandbox(daemon.testbed, "router")
    daemon.testbed.run(
        "sh", "-euc", f"ip -batch - <<.{_SET_UP}.\nip -n router -batch - <<.{_ROUTER}."
    )
    yield made
    daemon.testbed.run("sh", "-uc", _CLEAN_UP)
    made.close()


def test_replies_leave_by_the_uplink_that_the_request_came_in_by(
    daemon: Daemon, one: Sandbox, router: Namespace
) -> None:
    daemon.create("web", "10.88.0.0/24")
    daemon.connect("one", network="web", ports=[WEB])
    router.run("ip", "route", "add", f"{HOST}/32", "dev", "eth0", "src", CLIENT)
    at, to = (ADDRESSES[0], 80), (HOST, 8080)
    section = Page(PATH, PATH.read_text()).section("Several uplinks")
    (commands,) = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    daemon.testbed.run("sh", "-euc", commands)
    assert reached(router, one, at, to) == CLIENT
    daemon.testbed.run("ip", "rule", "delete", "priority", "1010")
    with one.listen(*at), pytest.raises(OSError, match=r"timed out|unreachable"):
        router.inside(lambda: _dial(to))
    daemon.testbed.run("ip", "rule", "add", "priority", "1010", "lookup", "101")


def _dial(to: tuple[str, int]) -> None:
    socket.create_connection(to, timeout=2).close()
