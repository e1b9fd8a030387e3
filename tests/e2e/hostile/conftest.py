"""The networks that a hostile tenant is on."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.support.daemon import Daemon
from tests.e2e.support.hostile.tenants import Tenants
from tests.support.matrix import matrix

NETWORKS: dict[str, dict[str, Any]] = {
    "icc": {},
    "no icc": {"options": {"icc": "false"}},
    "internal": {"internal": True},
    "routed": {"options": {"gateway_mode_ipv4": "routed", "gateway_mode_ipv6": "routed"}},
}
CASES = [(kind, setting) for kind in NETWORKS for setting in ("0", "1")]
SHORT = {("icc", "0"), ("no icc", "1")}
_SETTINGS = ("bridge-nf-call-iptables", "bridge-nf-call-ip6tables")


@pytest.fixture(
    scope="module",
    params=matrix([(case,) for case in CASES], short=lambda case: case[0] in SHORT),
    ids=lambda case: f"{case[0]}, br_netfilter={case[1]}",
)
def tenants(request: pytest.FixtureRequest, module_daemon: Daemon) -> Iterator[Tenants]:
    """Tenants on each kind of network. Frames pass the host's firewall where br_netfilter is on."""
    kind, setting = request.param
    for name in _SETTINGS:
        module_daemon.testbed.run("sysctl", "-qw", f"net.bridge.{name}={setting}")
    made = Tenants(module_daemon, **NETWORKS[kind])
    yield made
    made.close()
