"""What the values that the kernel is asked with mean."""

from ipaddress import ip_address

import pytest

from mynet.drivers.linux.values.desired import priority


@pytest.mark.parametrize(
    ("gateway", "metric", "expected"),
    [("10.1.0.1", 0, 0), ("10.1.0.1", 7, 7), ("fd00::1", 0, 1), ("fd00::1", 7, 7)],
)
def test_metric_0_becomes_1_for_ipv6(gateway: str, metric: int, expected: int) -> None:
    assert priority(ip_address(gateway), metric) == expected
