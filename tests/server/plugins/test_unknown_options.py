"""The name of an option that the driver lacks is answered by the one that was meant, or a list."""

import pytest

from mynet.drivers.bridge.options.endpoints import ENDPOINT_OPTIONS
from mynet.drivers.bridge.options.networks import OPTIONS
from mynet.server.plugins.options import option_violations


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("net.ipv4.conf.eth0.rp_filter", "net.ipv4.conf.IFNAME.rp_filter"),
        ("net.ipv4.conf.IFNAME.rpfilter", "net.ipv4.conf.IFNAME.rp_filter"),
        ("net.ipv6.conf.eth0.forwarding", "net.ipv6.conf.IFNAME.forwarding"),
        ("net.ipv4.conf.IFNAME.forwardng", "net.ipv4.conf.IFNAME.forwarding"),
        ("bandwith_egress", "bandwidth_egress"),
    ],
)
def test_an_option_that_is_nearly_right_is_answered_by_the_right_one(key: str, meant: str) -> None:
    [violation] = option_violations("options", {key: "1"}, ENDPOINT_OPTIONS, "bridge")
    assert violation.description.endswith(f"did you mean {meant}?")


@pytest.mark.parametrize(
    "key",
    [
        "net.ipv4.conf.IFNAME.disable_policy",
        "net.ipv4.conf.IFNAME.mc_forwarding_of",
        "net.core.somaxconn",
        "colour",
    ],
)
def test_an_option_that_is_like_no_other_is_not_answered_by_an_unrelated_one(key: str) -> None:
    [violation] = option_violations("options", {key: "1"}, ENDPOINT_OPTIONS, "bridge")
    assert "did you mean" not in violation.description
    assert "mynetctl driver ls" in violation.description


def test_options_of_a_driver_with_few_are_listed() -> None:
    [violation] = option_violations("options", {"colour": "1"}, OPTIONS[:1], "bridge")
    assert "it has icc; " in violation.description
