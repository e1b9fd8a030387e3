"""What mynetd asks of netlink in a user namespace, where an ordinary user runs it."""

import subprocess
import sys

import pytest

SUBSCRIBE = """
import socket
from mynet.drivers.linux.netlink.notifications.subscription import Subscription
Subscription(socket.NETLINK_ROUTE, 1).close()
"""
RESERVE = """
from mynet.drivers.linux.netlink.header import NETLINK_NETFILTER
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
with Netlink(NETLINK_NETFILTER) as nl:
    nl.reserve_buffers(*[Request(bytes(100), "test", "test")] * 5000)
"""


@pytest.mark.parametrize("program", [SUBSCRIBE, RESERVE], ids=["notifications", "large batches"])
def test_buffers_are_set_without_the_host_s_privilege(program: str) -> None:
    command = ("unshare", "--user", "--map-root-user", "--net", sys.executable, "-c", program)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
