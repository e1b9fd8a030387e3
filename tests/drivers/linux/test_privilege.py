"""An operation that the kernel refuses names the missing capability and changes nothing."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from mynet.drivers.api import DriverContext
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.linux.kernel import LinuxKernel
from mynet.drivers.testing import SampleCall, sample_endpoint, sample_network
from tests.drivers.linux.support.namespaces import Namespace

CALL = SampleCall()
CHANGES = {
    "ensure_bridge",
    "ensure_bridge again",
    "delete_bridge",
    "attach",
    "attach again",
    "detach",
    "firewall.load",
    "firewall.add",
    "firewall.remove",
    "firewall.add_endpoint",
    "firewall.remove_endpoint",
}
IN_SANDBOX = {
    *("identify", "exists", "free_name", "attach inside", "inspect inside"),
    "attach inside anew",
}


class Outcomes:
    """What a child without a capability could do, and the state of the host before and after."""

    def __init__(self, folder: Path, capability: str) -> None:
        host, box = Namespace(), Namespace()
        with host.entered():
            driver = BridgeDriver(DriverContext("test", folder), LinuxKernel())
            driver.create(CALL, sample_network())
            driver.connect(CALL, sample_endpoint(sample_network(), sandbox=box.sandbox))
        self.before = host.configuration(), host.table(), box.configuration()
        paths = os.pathsep.join(sys.path)
        printed = host.run(
            *("setpriv", f"--bounding-set=-{capability}", "env", f"PYTHONPATH={paths}"),
            *(sys.executable, "-m", "tests.drivers.linux.support.underprivileged"),
            *(box.path, str(box.sandbox.cookie)),
        )
        self.verbs: dict[str, dict[str, Any]] = json.loads(printed)
        self.after = host.configuration(), host.table(), box.configuration()
        for namespace in (host, box):
            namespace.close()


@pytest.fixture(scope="module")
def no_net_admin(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    return Outcomes(tmp_path_factory.mktemp("driver"), "net_admin")


@pytest.fixture(scope="module")
def no_sys_admin(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    return Outcomes(tmp_path_factory.mktemp("driver"), "sys_admin")


@pytest.fixture(scope="module")
def no_net_raw(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    return Outcomes(tmp_path_factory.mktemp("driver"), "net_raw")


def test_a_refused_announcement_names_net_raw(no_net_raw: Outcomes) -> None:
    failed = {name: outcome for name, outcome in no_net_raw.verbs.items() if outcome["error"]}
    assert list(failed) == ["attach inside anew"]
    outcome = failed["attach inside anew"]
    assert outcome["error"] == "PrivilegeMissing"
    assert outcome["message"].startswith("mynetd may not announce the addresses of check1 on br-")
    assert (outcome["capability"], outcome["errno"]) == ("CAP_NET_RAW", "EPERM")


def test_without_net_admin_nothing_changes(no_net_admin: Outcomes) -> None:
    assert no_net_admin.before == no_net_admin.after


@pytest.mark.parametrize("verb", sorted(CHANGES))
def test_each_refused_change_names_net_admin(no_net_admin: Outcomes, verb: str) -> None:
    outcome = no_net_admin.verbs[verb]
    assert outcome["error"] == "PrivilegeMissing"
    assert outcome["message"].startswith("mynetd may not ")
    assert ": it lacks CAP_NET_ADMIN; run mynetd as root, or give it" in outcome["message"]
    assert (outcome["capability"], outcome["errno"]) == ("CAP_NET_ADMIN", "EPERM")


@pytest.mark.parametrize("verb", sorted(IN_SANDBOX))
def test_each_refused_entry_of_a_sandbox_names_sys_admin(no_sys_admin: Outcomes, verb: str) -> None:
    outcome = no_sys_admin.verbs[verb]
    assert outcome["error"] == "PrivilegeMissing"
    assert outcome["message"] == (
        "mynetd may not enter a network namespace: it lacks CAP_SYS_ADMIN; run mynetd as root, or"
        " give it CAP_SYS_ADMIN (see docs/mynetd.md)"
    )
    assert (outcome["capability"], outcome["errno"]) == ("CAP_SYS_ADMIN", "EPERM")


def test_the_other_methods_need_no_capability(
    no_net_admin: Outcomes, no_sys_admin: Outcomes
) -> None:
    for outcomes, refused in (
        (no_net_admin, CHANGES | {"attach inside", "attach inside anew"}),
        (no_sys_admin, IN_SANDBOX),
    ):
        failed = {name for name, outcome in outcomes.verbs.items() if outcome["error"]}
        assert failed == refused
