"""A daemon whose log is a pipe without a reader serves, and ends on SIGTERM."""

import os
import signal

from mynet.v1 import network_pb2
from tests.e2e.support.daemon import EXECUTED, Daemon
from tests.e2e.support.namespace import PATIENCE
from tests.e2e.support.testbed import Testbed

CALLS = 2000  # their lines are more than a pipe takes, and less than the queue


def test_a_log_that_is_not_read_stops_neither_calls_nor_the_end(empty_testbed: Testbed) -> None:
    read_end, write_end = os.pipe()
    try:
        daemon = Daemon(
            empty_testbed,
            program=("sh", "-c", f'exec "$0" "$@" 2>/proc/{os.getpid()}/fd/{write_end}', *EXECUTED),
        )
        for _ in range(CALLS):
            daemon.net.ListNetworks(network_pb2.ListNetworksRequest(), timeout=PATIENCE)
        daemon.signal(signal.SIGTERM)
        assert daemon.wait() == 0
    finally:
        os.close(read_end)
        os.close(write_end)
