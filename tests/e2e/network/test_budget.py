"""The connections of a sandbox: how many are open, and how long the kernel remembers others."""

import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from tests.e2e.support.daemon import Daemon
from tests.e2e.support.forging import GATEWAYS
from tests.e2e.support.namespace import PATIENCE
from tests.e2e.support.testbed import Sandbox

BRIEF, MANY = 2, 5  # seconds, connections
TCP_INFO = socket.TCP_INFO  # whose first byte is the state, and 1 is ESTABLISHED

pytestmark = pytest.mark.usefixtures("blue")


@contextmanager
def one_a_minute(daemon: Daemon, one: Sandbox) -> Iterator[None]:
    """Run a block while more than one connection a minute is much for a sandbox."""
    port = daemon.connect(one.name).host_interface
    place = f'"br-blue" . 0:{daemon.testbed.links()[port]["ifindex"]:x}'
    daemon.signal(signal.SIGSTOP)  # or the number is restored
    daemon.testbed.run(
        "nft",
        f"delete element inet mynet fast {{ {place} }};"
        f"add element inet mynet fast {{ {place} limit rate over 1/minute burst 1 packets }}",
    )
    yield
    daemon.signal(signal.SIGCONT)


@pytest.mark.parametrize("version", [4, 6], ids="IPv{}".format)
def test_the_kernel_forgets_early_what_a_sandbox_opens_in_quick_succession(
    daemon: Daemon, one: Sandbox, version: int
) -> None:
    with one_a_minute(daemon, one), daemon.testbed.listen(GATEWAYS[version]) as listener:
        port = listener.getsockname()[1]
        for _ in range(MANY):
            near = one.dial(GATEWAYS[version], port)
            far, _ = listener.accept()
            with near, far:
                near.close()
                assert far.recv(1) == b""
        flows = daemon.testbed.run("cat", "/proc/thread-self/net/nf_conntrack").splitlines()
    left = [int(flow.split()[4]) for flow in flows if f" dport={port} " in flow]
    assert sum(seconds > BRIEF for seconds in left) == 1


def test_a_sandbox_has_as_many_open_connections_as_its_limit(daemon: Daemon, one: Sandbox) -> None:
    """However slowly it opens them."""
    port = daemon.connect(one.name, options={"conntrack_limit": str(MANY)}).host_interface
    place = f'"br-blue" . 0:{daemon.testbed.links()[port]["ifindex"]:x}'
    daemon.signal(signal.SIGSTOP)  # or the rate is restored
    daemon.testbed.run("nft", f"delete element inet mynet too_fast {{ {place} }}")
    with daemon.testbed.listen(GATEWAYS[4]) as listener, ExitStack() as stack:
        sockets = [
            stack.enter_context(one.inside(lambda: socket.socket(socket.AF_INET)))
            for _ in range(2 * MANY)
        ]
        for sock in sockets:
            sock.settimeout(0.5)
            with suppress(TimeoutError):
                sock.connect(listener.getsockname())
        open_ones = [sock for sock in sockets if sock.getsockopt(socket.IPPROTO_TCP, TCP_INFO) == 1]
    daemon.signal(signal.SIGCONT)
    assert 0 < len(open_ones) <= MANY


def test_packets_of_a_flow_without_answers_are_no_further_flows(
    daemon: Daemon, one: Sandbox
) -> None:
    daemon.connect(one.name, options={"conntrack_limit": str(MANY)})
    with (
        daemon.testbed.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as log,
        one.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender,
    ):
        log.bind((GATEWAYS[4], 0))
        log.settimeout(PATIENCE)
        for number in range(20 * MANY):
            sender.sendto(b"%d" % number, log.getsockname())
        for number in range(20 * MANY):
            assert log.recv(100) == b"%d" % number
