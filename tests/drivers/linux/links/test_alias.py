"""The mark, the kind and the MAC address decide whose a link is."""

import pytest

from mynet.drivers.linux.values.desired import Bridge, Veth
from mynet.drivers.linux.values.observed import Link

BRIDGE = Bridge("br-web", "mynet:i:web", "02:00:00:00:00:01", 1500)
VETH = Veth(
    *("veth1", "mynet:i:1", "02:00:00:00:00:02"),
    *("br-web", BRIDGE.mark, BRIDGE.mac),
    *(1500, "eth0", "02:00:00:00:00:03"),
)


@pytest.mark.parametrize(
    ("kind", "mac", "mark", "ours"),
    [
        ("bridge", "02:00:00:00:00:01", "mynet:i:web", True),
        ("bridge", "02:00:00:00:00:01", "", True),  # only begun
        ("bridge", "02:00:00:00:00:99", "mynet:i:web", True),  # the MAC was changed by hand
        ("bridge", "02:00:00:00:00:99", "", False),
        ("bridge", "02:00:00:00:00:01", "mynet:i:other", False),
        ("bridge", "02:00:00:00:00:01", "mynet:j:web", False),
        ("bridge", "02:00:00:00:00:01", "a note", False),
        ("veth", "02:00:00:00:00:01", "mynet:i:web", False),
        ("", "02:00:00:00:00:01", "mynet:i:web", False),
    ],
)
def test_kind_and_mark_decide_whether_a_bridge_is_ours(
    kind: str, mac: str, mark: str, *, ours: bool
) -> None:
    assert Link(7, "br-web", kind, mac, 1500, mark).is_of(BRIDGE.identity) is ours


@pytest.mark.parametrize(
    ("kind", "mac", "mark", "ours"),
    [
        ("veth", "02:00:00:00:00:02", "mynet:i:1", True),
        ("veth", "02:00:00:00:00:02", "", True),
        ("veth", "02:00:00:00:00:03", "", False),  # the inner end's
        ("veth", "02:00:00:00:00:02", "mynet:i:2", False),
        ("bridge", "02:00:00:00:00:02", "mynet:i:1", False),
    ],
)
def test_the_outer_end_decides_whether_a_pair_is_ours(
    kind: str, mac: str, mark: str, *, ours: bool
) -> None:
    assert Link(7, "veth1", kind, mac, 1500, mark).is_of(VETH.identity) is ours
