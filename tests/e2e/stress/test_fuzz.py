"""Random requests of every RPC: each is answered or refused with a reason, and nothing breaks."""

import os
import random
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mynet.v1.network_pb2 import DoctorRequest
from tests.e2e.support.daemon import EXECUTED, Daemon
from tests.e2e.support.hostile_clients.fuzzing import METHODS, SANDBOXES, Campaign, Generator
from tests.e2e.support.testbed import Sandbox, Testbed
from tests.support.matrix import matrix

CALLERS = 4
MANY = 20_000  # calls, of which each method gets enough to be answered at least once
# A request may name the process 1 or /proc/1. In its own PID namespace the daemon finds itself
# there, and not this machine's network.
ISOLATED = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", *EXECUTED)


def end(daemon: Daemon) -> int:
    """Send SIGTERM to the daemon, the only child of unshare; return its exit status."""
    children = Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text()
    os.kill(int(children), signal.SIGTERM)
    return daemon.wait()


@pytest.mark.timeout(1200)  # a minute on two idle cores
@pytest.mark.parametrize("calls", matrix([1_000, MANY], short=2))
def test_every_call_is_answered_or_refused_with_a_reason(
    empty_testbed: Testbed, calls: int
) -> None:
    for name in SANDBOXES:
        Sandbox(empty_testbed, name)
    empty_testbed.run("mkdir", "/run/backups")
    options = ("--log-format", "json", "--backup-dir", "/run/backups")
    daemon = Daemon(empty_testbed, *options, program=ISOLATED)
    seed = random.getrandbits(32)  # follows from --randomly-seed
    campaigns = [
        Campaign(daemon.channel, Generator(f"{seed}/{number}")) for number in range(CALLERS)
    ]
    with ThreadPoolExecutor(CALLERS) as executor:
        list(executor.map(lambda campaign: campaign.run(calls // CALLERS), campaigns))

    faults = [fault for campaign in campaigns for fault in campaign.faults]
    assert not faults, f"seed {seed}: {len(faults)} faults\n" + "\n".join(faults[:20])
    answered: Counter[str] = sum((campaign.answered for campaign in campaigns), Counter())
    unreached = {method.name for method in METHODS} - answered.keys()
    assert not unreached or calls < MANY, f"fuzzing.py has no values for {unreached}"
    findings = daemon.net.Doctor(DoctorRequest()).findings
    assert not findings, f"seed {seed}: {findings}"
    assert end(daemon) == 0
    log = daemon.log.read_text()
    assert "Traceback" not in log
    assert '"level": "error"' not in log
    # The testbed runs fsck at its end.
