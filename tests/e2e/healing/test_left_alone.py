"""What the healer leaves alone: changes of the daemon, of its callers and of administrators."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor

from mynet.v1.network_pb2 import (
    ENDPOINT_STATE_FAILED,
    ENDPOINT_STATE_READY,
    ConnectRequest,
    PortMapping,
)
from tests.e2e.healing.scene import JSON, Scene, lines, quiet, states
from tests.e2e.support.daemon import Daemon, eventually
from tests.e2e.support.published_ports import WEB
from tests.e2e.support.testbed import Sandbox, Testbed


def test_what_the_daemon_does_itself_is_not_damage(empty_testbed: Testbed) -> None:
    daemon = Daemon(empty_testbed, *JSON)
    names = [f"c{number}" for number in range(8)]
    for name in names:
        Sandbox(empty_testbed, name)

    def life(name: str) -> None:
        for _ in range(3):
            daemon.create(name, subnet(name))
            daemon.connect(name, network=name, ports=[PortMapping(container_port=80)])
            daemon.connect(name, network=name, ports=[PortMapping(container_port=80)])
            daemon.net.Connect(ConnectRequest(container_id=f"{name}-loose", network=name))
            daemon.disconnect(name)
            daemon.delete(name)

    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(life, names))
    time.sleep(0.5)
    assert {event["event"] for event in daemon.events()} & {
        "healed",
        "not healed",
        "found",
    } == set()
    daemon.stop()


def subnet(name: str) -> str:
    return f"10.99.{name[1:]}.0/24"


def test_an_endpoint_whose_namespace_was_deleted_waits_for_its_container(
    empty_testbed: Testbed,
) -> None:
    scene = Scene(empty_testbed, Daemon(empty_testbed, *JSON))
    before = quiet(scene.daemon)
    scene.one.close()
    eventually(lambda: scene.endpoint.host_interface not in scene.testbed.links())
    assert quiet(scene.daemon) == before
    eventually(lambda: states(scene.daemon)[scene.endpoint.id] == ENDPOINT_STATE_FAILED)
    (condition,) = next(
        endpoint.conditions
        for endpoint in scene.daemon.endpoints()
        if endpoint.id == scene.endpoint.id
    )
    assert condition.problem == (
        "It could not be repaired: Its sandbox, which was at /run/netns/one, is gone."
    )
    listed = scene.testbed.run("mynetctl", "endpoint", "ls")
    assert "failed" in next(line for line in listed.splitlines() if " one " in line)
    scene.one = Sandbox(scene.testbed, "one")
    again = scene.daemon.connect("one", ports=[WEB])
    assert (again.id, again.addresses) == (scene.endpoint.id, scene.endpoint.addresses)
    assert set(states(scene.daemon).values()) == {ENDPOINT_STATE_READY}
    scene.works()
    assert lines(scene.daemon, "healed") == lines(scene.daemon, "not healed") == []
    scene.daemon.stop()


def test_a_device_that_took_a_bridge_s_name_is_reported_once_and_not_touched(
    empty_testbed: Testbed,
) -> None:
    scene = Scene(empty_testbed, Daemon(empty_testbed, *JSON))
    scene.daemon.signal(signal.SIGSTOP)
    scene.damage("ip link del br-blue")
    scene.damage("ip link add br-blue type bridge")
    scene.daemon.signal(signal.SIGCONT)
    eventually(lambda: lines(scene.daemon, "not healed"))
    device = scene.testbed.links()["br-blue"]
    time.sleep(2)  # in which it tries again
    assert scene.testbed.links()["br-blue"] == device
    (told,) = [line for line in lines(scene.daemon, "not healed") if "network blue" in line]
    assert "The interface br-blue is not the network's bridge." in told
    scene.damage("ip link del br-blue")
    eventually(lambda: scene.daemon.problems(scene.endpoint) == [])
    quiet(scene.daemon)
    scene.works()
    scene.daemon.stop()


def test_healing_does_not_hold_up_the_end(empty_testbed: Testbed) -> None:
    scene = Scene(empty_testbed, Daemon(empty_testbed, "--shutdown-grace", "3600", *JSON))
    scene.damage("ip link del br-blue")
    scene.damage("nft flush ruleset")
    scene.daemon.stop()
    empty_testbed.spoilt = True  # by what the daemon had not healed yet


def test_with_no_heal_damage_stays(empty_testbed: Testbed) -> None:
    scene = Scene(empty_testbed, Daemon(empty_testbed, "--no-heal", *JSON))
    scene.damage("ip link del br-blue")
    time.sleep(1)
    assert "br-blue" not in scene.testbed.links()
    scene.daemon.stop()
    found = scene.testbed.findings()
    assert found[0].startswith("kernel: network blue: The bridge br-blue is not there.")
    Daemon(empty_testbed).stop()
