"""A state directory that an earlier version wrote is opened with all that is in it.

``states/make`` freezes one. There is one of every released version and of every schema.
"""

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from mynet.server.store import MIGRATIONS
from mynet.v1.network_pb2 import PortMapping, UpdateEndpointRequest
from tests.e2e.support.daemon import STATE, Daemon
from tests.e2e.support.testbed import Sandbox, Testbed

STATES = sorted(Path(__file__).parent.glob("*.tar.gz"))
ANSWERS = {"network ls": "networks", "endpoint ls": "endpoints", "ipam ls": "allocations"}
BOOT_ID = "/proc/sys/kernel/random/boot_id"


def test_there_is_one_of_every_schema() -> None:
    frozen = {path.name.removesuffix(".tar.gz") for path in STATES}
    assert {f"schema-{number}" for number in range(1, len(MIGRATIONS) + 1)} <= frozen


def require_same(then: Any, now: Any) -> None:
    """Compare an answer with that of an earlier version, which knew fewer fields."""
    if isinstance(then, dict):
        assert then.keys() <= now.keys()
        for key in then.keys() - {"revision", "mtu"}:
            require_same(then[key], now[key])
    elif isinstance(then, list):
        assert len(then) == len(now)
        for before, after in zip(then, now, strict=True):
            require_same(before, after)
    else:
        assert now == then


@pytest.mark.parametrize("state", STATES, ids=lambda path: path.name.removesuffix(".tar.gz"))
def test_networks_and_endpoints_of_an_earlier_version_are_there_and_work(
    empty_testbed: Testbed, state: Path, tmp_path: Path
) -> None:
    testbed = empty_testbed
    with tarfile.open(state) as archive:
        archive.extractall(tmp_path, filter="data")
    testbed.run("sh", "-c", f"mkdir -p /{Path(STATE).parent} && cp -a {tmp_path}/state /{STATE}")
    testbed.run("mount", "--bind", str(tmp_path / "answers" / "boot_id"), BOOT_ID)  # no other boot
    daemon = Daemon(testbed)
    for words, name in ANSWERS.items():
        then = json.loads((tmp_path / "answers" / f"{name}.json").read_text())
        now = json.loads(testbed.run("mynetctl", "--output", "json", *words.split()))
        require_same(then, now)
    # Calls that are newer work on it.
    one = Sandbox(testbed, "three")
    endpoint = daemon.connect("three", ports=[PortMapping(host_port=9090, container_port=80)])
    asked = UpdateEndpointRequest(endpoint=endpoint.id, replace_ports=True)
    assert not daemon.net.UpdateEndpoint(asked).endpoint.ports
    assert one.pings("10.88.0.1")
    assert "10.9.0.1" in daemon.allocations()
    for container in ("one", "two"):  # their interfaces are on the host where it was frozen
        daemon.disconnect(container)
    daemon.stop()
    assert testbed.findings() == []
