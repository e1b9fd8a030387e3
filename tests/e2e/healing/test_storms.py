"""Damage among so many changes that the kernel loses notifications of them."""

import signal

import pytest

from tests.e2e.healing.scene import JSON, Scene, lines, quiet
from tests.e2e.support.daemon import Daemon, eventually
from tests.e2e.support.testbed import Testbed
from tests.support.matrix import matrix

# Each is some 10 MB of notifications, in a second or two.
STORMS = {
    "firewall changes": """awk 'BEGIN {
        print "add table inet storm; add set inet storm s { type mark; }"
        for (i = 1; i <= 60000; i++)
            printf("add element inet storm s { %d comment \\"%0120d\\" }\\n", i, i)
    }' | nft -f -""",
    "links": """ip link add storm type bridge; ip link set storm up
        for n in $(seq 6000); do echo link set storm alias x$n; done | ip -batch -""",
}


@pytest.mark.parametrize(
    ("storm", "damage"),
    matrix(
        [
            ("firewall changes", "nft delete table inet mynet"),
            ("links", "nft delete table inet mynet"),
            ("firewall changes", "ip link del br-blue"),
            ("links", "ip link del br-blue"),
        ],
        short=3,
    ),
)
def test_damage_in_a_storm_that_overflows_the_socket_is_healed(
    empty_testbed: Testbed, storm: str, damage: str
) -> None:
    scene = Scene(empty_testbed, Daemon(empty_testbed, *JSON))
    quiet(scene.daemon)
    # While it cannot read, all that fits is the beginning of the storm.
    scene.daemon.signal(signal.SIGSTOP)
    scene.testbed.run("sh", "-euc", STORMS[storm])
    scene.damage(damage)
    scene.daemon.signal(signal.SIGCONT)
    eventually(lambda: lines(scene.daemon, "healed"))
    quiet(scene.daemon)
    scene.works()
    scene.daemon.stop()
