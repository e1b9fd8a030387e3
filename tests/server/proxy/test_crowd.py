"""Which connection gives way: one of the user that has the most."""

from mynet.server.proxy.crowd import Crowd


def test_a_user_with_many_connections_takes_no_room_from_others() -> None:
    crowd: Crowd[str] = Crowd()
    crowd.add(1, "only")
    for number in range(100):
        crowd.add(2, f"flood {number}")
    assert crowd.first_to_go() == (2, "flood 0")
    crowd.note_activity(2, "flood 0")
    assert crowd.first_to_go() == (2, "flood 1")
    for number in range(99):
        crowd.remove(2, f"flood {number}")
    crowd.add(1, "second")
    assert crowd.first_to_go() == (1, "only")
    assert len(crowd) == 3
