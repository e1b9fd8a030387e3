"""Interfaces with a mark of mynet and without a record, as doctor names them."""

from mynet.v1.network_pb2 import DoctorRequest
from tests.e2e.support.daemon import Daemon


def unrecorded(daemon: Daemon) -> list[str]:
    """Run doctor with --repair; return the interfaces without a record that it keeps."""
    found = daemon.net.Doctor(DoctorRequest(repair=True)).findings
    links = [finding for finding in found if "which is not on record" in finding.problem]
    kept = [link for link in links if not link.repaired]
    assert all("(ip link delete)" in link.remedy for link in kept)
    return [link.object.removeprefix("interface ") for link in kept]


def delete_unrecorded(daemon: Daemon) -> None:
    """Do what doctor says, and have it remove what was in use until then."""
    for link in unrecorded(daemon):
        daemon.testbed.run("ip", "link", "delete", link)
    assert unrecorded(daemon) == []
