"""While a tenant sends all that it can without a pause, the others notice nothing."""

from tests.e2e.support.hostile.tenants import Tenants

LIMIT = 300
ROOM = 200  # entries that the others make in the meantime


def test_others_notice_nothing(tenants: Tenants) -> None:
    with tenants.options(conntrack_limit=str(LIMIT)):
        macs, before = tenants.entries(), tenants.connections()
        with (
            tenants.raging(),
            tenants.good.listen("10.88.0.3") as listener,
            tenants.host.dial("10.88.0.3", listener.getsockname()[1]) as near,
            listener.accept()[0] as far,
        ):
            for turn in range(3):
                tenants.require_undisturbed()
                near.sendall(b"turn %d" % turn)
                assert far.recv(100) == b"turn %d" % turn
            assert tenants.connections() - before < LIMIT + ROOM
            assert tenants.entries() == macs
            tenants.require_true_neighbours()
