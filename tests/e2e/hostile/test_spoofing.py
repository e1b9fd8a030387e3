"""A tenant with root in its sandbox sends as others, and nothing of it arrives anywhere."""

from tests.e2e.support.hostile.tenants import Tenants


def test_no_forged_frame_arrives_anywhere(tenants: Tenants) -> None:
    assert tenants.launch(tenants.campaign()) == {}


def test_all_others_keep_the_neighbours_that_are_true(tenants: Tenants) -> None:
    for _ in range(3):
        tenants.launch(tenants.campaign())
        tenants.require_true_neighbours()
    tenants.require_undisturbed()


def test_a_standing_connection_goes_on(tenants: Tenants) -> None:
    with (
        tenants.good.listen("10.88.0.3") as listener,
        tenants.host.dial("10.88.0.3", listener.getsockname()[1]) as near,
        listener.accept()[0] as far,
    ):
        for turn in range(3):
            tenants.launch(tenants.campaign())
            for sender, receiver in ((near, far), (far, near)):
                sender.sendall(b"turn %d" % turn)
                assert receiver.recv(100) == b"turn %d" % turn
