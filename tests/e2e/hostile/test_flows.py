"""An internal network does not send in flows that others have with the outside."""

from collections.abc import Iterator

import pytest
from scapy.layers.inet import IP, UDP
from scapy.packet import Raw

from tests.e2e.support.daemon import Daemon
from tests.e2e.support.hostile import spoofing
from tests.e2e.support.hostile.envelopes import plain
from tests.e2e.support.hostile.scene import Attack
from tests.e2e.support.hostile.tenants import Tenants


@pytest.fixture(scope="module", params=["true", "false"], ids="spoof_check={}".format)
def tenants(request: pytest.FixtureRequest, module_daemon: Daemon) -> Iterator[Tenants]:
    made = Tenants(module_daemon, internal=True, options={"spoof_check": request.param})
    yield made
    made.close()


@pytest.mark.parametrize("answer", [False, True], ids=["forth", "back"])
def test_a_packet_in_the_flow_of_another_network_goes_nowhere(
    tenants: Tenants, *, answer: bool
) -> None:
    scene = tenants.scene
    near, far = (scene.stranger.ip4, 5000), (scene.outside.ip4, 6000)
    with tenants.standing_flow(near[1], far[1]):
        mark = spoofing.token()
        (source, sport), (target, dport) = (far, near) if answer else (near, far)
        packet = IP(src=source, dst=target) / UDP(sport=sport, dport=dport) / Raw(mark)
        frame = bytes(plain(scene.me.mac, scene.gateway.mac, packet))
        arrived = tenants.launch([Attack("forged", frame, mark)])
    assert arrived.get("forged", set()) <= {"the bridge"}
