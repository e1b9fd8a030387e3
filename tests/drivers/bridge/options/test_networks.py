"""The options of the bridge driver: their values, changes and contradictions."""

import pytest

from mynet.drivers.api import NetworkRequest
from mynet.drivers.bridge.options.networks import OPTIONS, GatewayMode, Options, contradictions

CHECKS = {option.name: option.check for option in OPTIONS}
IPV4, IPV6 = "gateway_mode_ipv4", "gateway_mode_ipv6"
NAT, ROUTED, ISOLATED = GatewayMode.NAT, GatewayMode.ROUTED, GatewayMode.ISOLATED
WAY_OUT = "{} is a way out, and an internal network has none; leave it out"
ONLY_INTERNAL = "isolated is for internal networks: set internal too, or choose another mode"
NO_MASQUERADE = "routed packets keep their addresses: leave it out, or choose mode nat"


@pytest.mark.parametrize(
    ("given", "icc", "modes"),
    [
        ({}, True, (NAT, NAT)),
        ({"icc": "true"}, True, (NAT, NAT)),
        ({"icc": "false"}, False, (NAT, NAT)),
        ({IPV4: "routed"}, True, (ROUTED, NAT)),
        ({IPV6: "isolated", IPV4: "nat"}, True, (NAT, ISOLATED)),
    ],
)
def test_an_option_that_is_not_given_has_its_default(
    given: dict[str, str], *, icc: bool, modes: tuple[GatewayMode, GatewayMode]
) -> None:
    options = Options.parse(given)
    assert (options.icc, (options.mode(4), options.mode(6))) == (icc, modes)


@pytest.mark.parametrize(
    ("key", "value"),
    [("icc", value) for value in ("true", "false")]
    + [(key, mode.value) for key in (IPV4, IPV6) for mode in GatewayMode],
)
def test_every_documented_value_is_accepted(key: str, value: str) -> None:
    assert CHECKS[key](value) is None
    (description,) = [option.description for option in OPTIONS if option.name == key]
    assert value in description


@pytest.mark.parametrize("value", ["", "True", "1", "nat", "yes"])
def test_icc_is_true_or_false(value: str) -> None:
    assert CHECKS["icc"](value) == "must be true or false"


@pytest.mark.parametrize("key", [IPV4, IPV6])
@pytest.mark.parametrize("value", ["", "NAT", "nat-unprotected", "true"])
def test_a_gateway_mode_is_one_of_three(key: str, value: str) -> None:
    assert CHECKS[key](value) == "must be one of nat, routed, isolated"


@pytest.mark.parametrize(
    ("key", "before", "after", "reason"),
    [
        ("icc", None, "false", None),
        ("icc", "false", "true", None),
        (IPV4, None, "routed", None),
        (IPV4, "routed", None, None),
        (IPV6, "nat", "routed", None),
        (IPV6, None, "isolated", "isolated would add or remove the host's address"),
        (IPV4, "isolated", None, "isolated would add or remove the host's address"),
        (IPV4, "isolated", "nat", "isolated would add or remove the host's address"),
    ],
)
def test_options_that_keep_the_host_s_addresses_can_change(
    key: str, before: str | None, after: str | None, reason: str | None
) -> None:
    (option,) = [option for option in OPTIONS if option.name == key]
    assert option.change(before, after) == reason


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (NetworkRequest({}), {}),
        (NetworkRequest({}, internal=True, masquerade=True), {}),
        (NetworkRequest({"icc": "false"}, internal=True), {}),
        (NetworkRequest({IPV4: "routed", IPV6: "nat"}), {}),
        (NetworkRequest({IPV4: "isolated", IPV6: "isolated"}, internal=True), {}),
        (NetworkRequest({IPV4: "nat"}, masquerade=False), {}),
        (NetworkRequest({IPV4: "routed", IPV6: "routed"}, masquerade=False), {}),
        (NetworkRequest({IPV4: "isolated"}), {f"options[{IPV4}]": ONLY_INTERNAL}),
        (
            NetworkRequest({IPV4: "nat", IPV6: "routed"}, internal=True),
            {
                f"options[{IPV4}]": WAY_OUT.format("nat"),
                f"options[{IPV6}]": WAY_OUT.format("routed"),
            },
        ),
        (
            NetworkRequest({IPV4: "isolated", IPV6: "nat"}, internal=True),
            {f"options[{IPV6}]": WAY_OUT.format("nat")},
        ),
        (
            NetworkRequest({IPV4: "routed", IPV6: "routed"}, masquerade=True),
            {"masquerade": NO_MASQUERADE},
        ),
        (NetworkRequest({IPV4: "routed"}, masquerade=True), {}),
        (
            NetworkRequest({IPV4: "routed"}, frozenset({4}), masquerade=True),
            {"masquerade": NO_MASQUERADE},
        ),
        (NetworkRequest({IPV4: "routed"}, frozenset({6}), masquerade=True), {}),
        (NetworkRequest({IPV4: "routed"}, frozenset({4, 6}), masquerade=True), {}),
        (
            NetworkRequest({IPV4: "routed", IPV6: "routed"}, internal=True, masquerade=True),
            {
                f"options[{IPV4}]": WAY_OUT.format("routed"),
                f"options[{IPV6}]": WAY_OUT.format("routed"),
                "masquerade": NO_MASQUERADE,
            },
        ),
    ],
)
def test_all_contradictions_are_reported_at_once(
    asked: NetworkRequest, expected: dict[str, str]
) -> None:
    assert contradictions(asked) == expected
