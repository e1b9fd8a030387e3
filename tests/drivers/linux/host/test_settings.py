"""Sysctls of an endpoint's interface, on a real kernel."""

from dataclasses import replace
from pathlib import Path

import pytest

from mynet.drivers.api import Endpoint
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.bridge.options.sysctls import DISABLE_IPV6, SYSCTLS
from mynet.drivers.errors import KernelError
from mynet.drivers.linux import sysctl
from mynet.drivers.linux.links.veths import inner_end
from mynet.drivers.testing import SampleCall
from tests.drivers.linux.support.namespaces import Namespace

CALL = SampleCall()
RP_FILTER = "net.ipv4.conf.IFNAME.rp_filter"


def below_net(name: str, interface: str) -> str:
    """Return the path of a sysctl below /proc/sys/net."""
    return "/".join(part.replace("IFNAME", interface) for part in name.split(".")[1:])


@pytest.mark.parametrize("which", [0, -1], ids=["lowest", "highest"])
@pytest.mark.parametrize("interface", ["check1", "lan.7"])
def test_every_sysctl_is_set_in_the_sandbox_and_not_on_the_host(
    host: Namespace,
    box: Namespace,
    driver: BridgeDriver,
    endpoint: Endpoint,
    interface: str,
    which: int,
) -> None:
    options = {name: str(values[which]) for name, (values, _) in SYSCTLS.items()}
    options[DISABLE_IPV6] = "0"  # the endpoint has IPv6 addresses
    asked = replace(endpoint, interface=interface, options=options)

    def of_bridge() -> list[str]:
        return [host.setting(below_net(name, endpoint.network.interface)) for name in options]

    before = of_bridge()
    driver.connect(CALL, asked)
    assert {name: box.setting(below_net(name, interface)) for name in options} == options
    assert driver.check(CALL, asked) == []
    assert of_bridge() == before


def test_sysctls_are_set_before_the_interface_is_up(
    box: Namespace,
    driver: BridgeDriver,
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[str, bool]] = []
    finish = inner_end.finish_inner

    def watched(*arguments: object) -> None:
        link = box.link("check1")
        assert link
        seen.append((box.setting("ipv4/conf/check1/rp_filter"), "UP" in link["flags"]))
        finish(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(inner_end, "finish_inner", watched)
    driver.connect(CALL, replace(endpoint, options={RP_FILTER: "2"}))
    assert seen == [("2", False)]


def test_a_sysctl_that_the_sandbox_changed_is_reported_and_set_again(
    box: Namespace, driver: BridgeDriver, endpoint: Endpoint
) -> None:
    asked = replace(endpoint, options={RP_FILTER: "2"})
    driver.connect(CALL, asked)
    box.set("ipv4/conf/check1/rp_filter", "1")
    box.set("ipv6/conf/check1/accept_ra", "1")
    assert driver.check(CALL, asked) == [
        "net.ipv6.conf.check1.accept_ra is 1 instead of 0.",
        "net.ipv4.conf.check1.rp_filter is 1 instead of 2.",
    ]
    driver.connect(CALL, asked)
    assert driver.check(CALL, asked) == []
    assert box.setting("ipv4/conf/check1/rp_filter") == "2"


def test_the_error_names_a_sysctl_that_the_kernel_lacks(
    driver: BridgeDriver, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sysctl, "NET", tmp_path / "net")
    asked = replace(endpoint, options={RP_FILTER: "2"}, addresses=endpoint.addresses[:1])
    with pytest.raises(KernelError, match=r"refused to set net\.ipv4\.conf\.check1\.rp_filter=2"):
        driver.connect(CALL, asked)
