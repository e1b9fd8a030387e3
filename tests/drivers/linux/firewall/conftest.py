"""The topology that tests of the firewall share, unless a file makes one of its own."""

from collections.abc import Iterator

import pytest

from tests.drivers.linux.support.topology import BRIDGE_SETTINGS, FILTERED, Topology


@pytest.fixture(
    scope="module", params=["0", "1"] if FILTERED else [""], ids="br_netfilter={}".format
)
def topology(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Topology]:
    made = Topology(tmp_path_factory.mktemp("topology"))
    for setting in BRIDGE_SETTINGS if request.param else ():
        made.namespaces["host"].set(setting, request.param)
    yield made
    made.close()


@pytest.fixture(scope="module")
def unfiltered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    """A topology without br_netfilter, for a file whose tests change it."""
    made = Topology(tmp_path_factory.mktemp("topology"))
    yield made
    made.close()
