"""A tenant sends as much as it can: the tables of the host keep their room for the others."""

from time import monotonic

import pytest

from tests.e2e.support.hostile import floods, multicast
from tests.e2e.support.hostile.tenants import Tenants
from tests.support.matrix import matrix

LIMIT = 200
ROOM = 100  # entries that the others make in the meantime


@pytest.mark.parametrize("number", matrix([2_000, 60_000], short=2))
def test_a_flood_of_mac_addresses_leaves_the_bridge_as_it_was(
    tenants: Tenants, number: int
) -> None:
    before = tenants.entries()
    tenants.wire.send(floods.mac_addresses(tenants.scene, number))
    tenants.require_undisturbed()
    assert tenants.entries() == before


@pytest.mark.parametrize("number", matrix([300, 20_000], short=2))
def test_forged_handshakes_leave_no_connections(tenants: Tenants, number: int) -> None:
    before = tenants.connections()
    tenants.wire.send(floods.handshakes(tenants.scene, number))
    tenants.require_undisturbed()
    assert tenants.connections() - before < ROOM


@pytest.mark.parametrize("version", [4, 6], ids="IPv{}".format)
def test_reports_of_multicast_groups_leave_nothing_in_the_bridge(
    tenants: Tenants, version: int
) -> None:
    """A table would be full at 4,096 groups."""
    tenants.wire.send(multicast.reports(tenants.scene, 100, version))
    tenants.require_undisturbed()
    assert tenants.host.run("bridge", "mdb", "show", "dev", "br-target") == ""


@pytest.mark.parametrize("version", [4, 6], ids="IPv{}".format)
def test_own_connections_stay_within_the_limit(tenants: Tenants, version: int) -> None:
    with tenants.options(conntrack_limit=str(LIMIT)):
        before = tenants.connections()
        tenants.wire.send(floods.own_connections(tenants.scene, 10 * LIMIT, version))
        tenants.require_undisturbed()
        assert tenants.connections() - before < LIMIT + ROOM


@pytest.mark.parametrize("version", [4, 6], ids="IPv{}".format)
def test_connections_that_have_ended_are_few_too(tenants: Tenants, version: int) -> None:
    """The tenant may open a quarter of its limit in a second, and all of it after a pause."""
    gateway = tenants.scene.gateway
    address = gateway.ip4 if version == 4 else gateway.ip6
    with tenants.options(conntrack_limit=str(LIMIT)), tenants.host.listen(address) as listener:
        before, started = tenants.connections(), monotonic()
        port = listener.getsockname()[1]
        tenants.wire.send(floods.ended_connections(tenants.scene, 20 * LIMIT, version, port))
        tenants.require_undisturbed()
        opened = LIMIT + LIMIT / 4 * (monotonic() - started)
        assert tenants.connections() - before < opened + ROOM
