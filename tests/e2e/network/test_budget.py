"""The connections of a sandbox that the kernel remembers after they have ended."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.support.daemon import Daemon
from tests.e2e.support.forging import GATEWAYS
from tests.e2e.support.testbed import Sandbox

BRIEF, MANY = 2, 5  # seconds, connections

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
