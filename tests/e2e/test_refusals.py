"""What the kernel has already, or refuses, is a clear error, and nothing changes."""

from collections.abc import Callable, Sequence

import pytest

from mynet.v1.network_pb2 import Network
from tests.e2e.support.daemon import Daemon, connect, create, refusal
from tests.e2e.support.testbed import Sandbox


@pytest.fixture(scope="module")
def options() -> Sequence[str]:
    return ["--no-heal"]


@pytest.mark.parametrize("kind", ["bridge", "veth", "macvlan link uplink"])
def test_an_interface_that_stands_there_is_left_as_it_is(daemon: Daemon, kind: str) -> None:
    name, _, words = kind.partition(" ")
    daemon.testbed.run("ip", "link", "add", "lan0", *words.split(), "type", name)
    before = daemon.everything()
    refused = refusal(daemon.net.CreateNetwork, create("blue", interface="lan0"))
    assert (refused.code, refused.reason) == ("FAILED_PRECONDITION", "INTERFACE_EXISTS")
    assert "lan0" in refused.message
    assert daemon.everything() == before
    daemon.testbed.run("ip", "link", "del", "lan0")


def test_a_foreign_bridge_of_the_network_s_name_goes_on_working(
    daemon: Daemon, one: Sandbox
) -> None:
    for command in (
        "link add br-blue type bridge",
        "link set br-blue up",
        "address add 10.77.0.1/24 dev br-blue",
        f"link add port0 master br-blue type veth peer name eth0 netns {one.name}",
        "link set port0 up",
        f"-n {one.name} address add 10.77.0.2/24 dev eth0",
        f"-n {one.name} link set eth0 up",
    ):
        daemon.testbed.run("ip", *command.split())
    assert refusal(daemon.net.CreateNetwork, create("red", interface="br-blue")).reason == (
        "INTERFACE_EXISTS"
    )
    network = daemon.create("blue")  # another name, because none was asked for
    assert network.interface == f"br-{network.id[:12]}"
    assert one.pings("10.77.0.1")
    daemon.delete("blue")
    assert one.pings("10.77.0.1")
    daemon.testbed.run("ip", "link", "del", "port0")
    daemon.testbed.run("ip", "link", "del", "br-blue")


def test_a_name_that_is_too_long_is_refused_before_anything_is_made(
    daemon: Daemon, blue: Network, one: Sandbox
) -> None:
    before = daemon.everything()
    for method, request in (
        (daemon.net.CreateNetwork, create("red", "10.77.0.0/24", interface="a" * 16)),
        (daemon.net.Connect, connect("one", interface="a" * 16)),
    ):
        refused = refusal(method, request)
        assert (refused.code, refused.reason) == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
        assert "interface" in refused.message
        assert "15" in refused.message
    assert daemon.everything() == before
    daemon.connect("one", interface="a" * 15)
    assert one.links().keys() == {"lo", "a" * 15}


@pytest.mark.parametrize(
    "sandbox",
    [
        {"netns_path": "/run/fifo"},
        {"netns_path": "/run/file"},
        {"netns_path": "/run"},
        {"netns_path": "/dev/null"},
        {"netns_path": "/proc/self/ns/mnt"},
        {"netns_path": "/run/nothing"},
        {"netns_path": "/run/file/below"},
        {"netns_path": "/run/loop"},
        {"netns_name": "none"},
        {"pid": 2**22},
    ],
    ids=lambda sandbox: "-".join(map(str, sandbox.values())),
)
def test_a_path_that_is_not_a_network_namespace_is_refused(
    daemon: Daemon, blue: Network, sandbox: dict[str, str | int]
) -> None:
    daemon.testbed.run(
        *("sh", "-c", "cd /run; rm -f fifo loop; mkfifo fifo; touch file; ln -s loop loop")
    )
    before = daemon.everything()
    refused = refusal(daemon.net.Connect, connect("one", **sandbox))  # the FIFO does not hold it
    assert (refused.code, refused.reason) == ("NOT_FOUND", "SANDBOX_NOT_FOUND")
    assert daemon.everything() == before


def test_a_namespace_that_is_mounted_elsewhere_is_refused_with_the_remedy(
    daemon: Daemon, blue: Network
) -> None:
    daemon.testbed.run("unshare", "--mount", "ip", "netns", "add", "elsewhere")
    before = daemon.everything()
    refused = refusal(daemon.net.Connect, connect("one", netns_name="elsewhere"))
    daemon.testbed.run("rm", "/run/netns/elsewhere")
    assert (refused.code, refused.reason) == ("NOT_FOUND", "SANDBOX_NOT_FOUND")
    assert "/run/netns/elsewhere is an empty file in mynetd's mount namespace" in refused.message
    assert "rshared" in refused.message
    assert daemon.everything() == before


def take_the_name(daemon: Daemon, box: Sandbox) -> None:
    box.run("ip", "link", "add", "eth0", "type", "bridge")


def take_the_route(daemon: Daemon, box: Sandbox) -> None:
    box.run("ip", "link", "add", "own0", "type", "bridge")
    box.run("ip", "link", "set", "own0", "up")
    box.run("ip", "address", "add", "192.0.2.1/24", "dev", "own0")
    box.run("ip", "route", "add", "default", "via", "192.0.2.2", "metric", "1001000000")


def take_the_bridge(daemon: Daemon, box: Sandbox) -> None:
    daemon.testbed.run("ip", "link", "del", "br-blue")


Obstacle = Callable[[Daemon, Sandbox], None]


@pytest.mark.parametrize(
    ("put_up", "reason", "words"),
    [
        (take_the_name, "INTERFACE_EXISTS", "eth0 in the sandbox"),
        (take_the_route, "KERNEL_ERROR", "default route with metric 1001000000"),
        (take_the_bridge, "KERNEL_ERROR", "br-blue"),
    ],
)
def test_a_connect_that_fails_half_way_leaves_nothing(
    daemon: Daemon, blue: Network, one: Sandbox, put_up: Obstacle, reason: str, words: str
) -> None:
    put_up(daemon, one)
    one.run("ip", "link", "set", "lo", "up")  # Connect does it, and leaves it so when it fails
    before, inside = daemon.everything(), one.state()
    refused = refusal(daemon.net.Connect, connect("one", interface="eth0"))
    assert refused.reason == reason
    assert words in refused.message
    assert daemon.everything() == before
    assert one.state() == inside


def test_a_create_that_fails_half_way_leaves_nothing(daemon: Daemon) -> None:
    daemon.testbed.run("sysctl", "-qw", "net.ipv4.ip_forward=0", "net.ipv6.conf.all.forwarding=0")
    before = daemon.everything()
    daemon.testbed.run("mount", "--bind", "/proc/sys", "/proc/sys")
    daemon.testbed.run("mount", "-o", "remount,bind,ro", "/proc/sys")
    refused = refusal(daemon.net.CreateNetwork, create("blue"))
    daemon.testbed.run("umount", "/proc/sys")
    assert (refused.code, refused.reason) == ("INTERNAL", "KERNEL_ERROR")
    assert "net.ipv4.ip_forward" in refused.message
    assert daemon.everything() == before


def test_the_daemon_s_own_namespace_is_refused(daemon: Daemon, blue: Network) -> None:
    before = daemon.everything()
    for sandbox in ({"pid": daemon.pid}, {"netns_path": "/proc/self/ns/net"}):
        refused = refusal(daemon.net.Connect, connect("one", **sandbox))
        assert (refused.code, refused.reason) == ("NOT_FOUND", "SANDBOX_NOT_FOUND")
        assert "mynetd's own" in refused.message
    assert daemon.everything() == before
