"""The driver passes the conformance suite of the contract."""

from pathlib import Path

from mynet.drivers.testing import check_driver
from mynet_driver_noop import mynet_driver


def test_the_driver_keeps_the_contract(tmp_path: Path) -> None:
    check_driver(lambda context: mynet_driver(context=context), tmp_path)
