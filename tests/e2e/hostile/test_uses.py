"""What people do in sandboxes works beside the check, or with the option that is meant for it."""

import pytest
from scapy.layers.inet import IP
from scapy.layers.l2 import ARP
from scapy.packet import Raw

from mynet.v1.network_pb2 import PortMapping
from tests.e2e.support.daemon import Daemon, eventually
from tests.e2e.support.hostile.capture import Wire
from tests.e2e.support.hostile.envelopes import plain
from tests.e2e.support.namespace import talk
from tests.e2e.support.testbed import HOST, Sandbox
from tests.support.matrix import matrix

VIPS = {"10.88.0.100": "10.88.0.1", "fd88::100": "fd88::1"}  # with the gateway of each family
EVERYBODY, VRRP_MAC, HELLO = "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:12", b"mynet keepalived"
SETTINGS = ("bridge-nf-call-iptables", "bridge-nf-call-ip6tables")


@pytest.fixture(
    autouse=True,
    scope="module",
    params=matrix(["0", "1"], short=lambda setting: setting == "1"),
    ids="br_netfilter={}".format,
)
def filtered(request: pytest.FixtureRequest, module_daemon: Daemon) -> None:
    """Frames that stay on a bridge pass the host's firewall, or not."""
    for name in SETTINGS:
        module_daemon.testbed.run("sysctl", "-qw", f"net.bridge.{name}={request.param}")


@pytest.mark.usefixtures("blue")
def test_a_virtual_address_moves_between_two_sandboxes(
    daemon: Daemon, one: Sandbox, two: Sandbox
) -> None:
    options = {"allowed_addresses": ",".join(VIPS)}
    macs = {box: daemon.connect(box.name, options=options).mac_address for box in (one, two)}
    receiver, senders = Wire(two, "eth0"), {box: Wire(box, "eth0") for box in (one, two)}
    hello = IP(src="10.88.0.2", dst="224.0.0.18", ttl=255, proto=112) / Raw(HELLO)
    senders[one].send([bytes(plain(macs[one], VRRP_MAC, hello))])
    assert any(HELLO in frame for frame in receiver.read())
    for owner, other in ((one, two), (two, one), (one, two)):
        for vip, gateway in VIPS.items():
            other.attempt("ip", "addr", "del", vip, "dev", "eth0")
            owner.run("ip", "addr", "add", vip, "dev", "eth0", *(["nodad"] if ":" in vip else []))
            daemon.testbed.run("ip", "-6", "neigh", "flush", "dev", "br-blue")
            if "." in vip:
                claim = ARP(op=1, hwsrc=macs[owner], psrc=vip, pdst=vip)
                senders[owner].send([bytes(plain(macs[owner], EVERYBODY, claim))])
            talk(daemon.testbed, owner, vip)
            owner.run("ping", "-q", "-c1", "-W30", "-I", vip, gateway)
    for wire in (receiver, *senders.values()):
        wire.close()


def make_guest(one: Sandbox, guest: Sandbox) -> None:
    """Put the inner end of container one into a bridge, with a guest behind it."""
    for line in (
        "link add br0 type bridge",
        "link set br0 up",
        "link set eth0 master br0",
        f"link add port type veth peer name eth0 netns {guest.path}",
        "link set port master br0 up",
    ):
        one.run("ip", *line.split())
    for line in (
        "link set eth0 up",
        "addr add 10.88.0.50/24 dev eth0",
        "addr add fd88::50/64 dev eth0 nodad",
    ):
        guest.run("ip", *line.split())


@pytest.mark.usefixtures("blue")
def test_a_bridge_in_a_sandbox_works_without_the_check_alone(
    daemon: Daemon, one: Sandbox, two: Sandbox
) -> None:
    daemon.connect("one", options={"spoof_check": "false"})
    daemon.connect("two")
    guest = Sandbox(daemon.testbed, "guest")
    make_guest(one, guest)
    for address, gateway in (("10.88.0.50", "10.88.0.1"), ("fd88::50", "fd88::1")):
        talk(guest, daemon.testbed, gateway)
        talk(two, guest, address)
    guest.close()


def test_jumbo_frames_pass(daemon: Daemon, one: Sandbox, two: Sandbox) -> None:
    daemon.create("blue", mtu=9000)
    daemon.connect("one")
    daemon.connect("two")
    for address in ("10.88.0.3", "fd88::3", "10.88.0.1", "fd88::1"):
        one.run("ping", "-q", "-c1", "-W30", "-Mdo", "-s8900", address)
        one.run("ping", "-q", "-c1", "-W30", "-s20000", address)  # in fragments


@pytest.mark.usefixtures("blue")
def test_a_sandbox_reaches_its_own_published_port(daemon: Daemon, one: Sandbox) -> None:
    daemon.connect("one", ports=[PortMapping(host_port=8080, container_port=80)])
    for address, own in zip(HOST, ("10.88.0.2", "fd88::2"), strict=True):
        with (
            one.listen(own, 80) as listener,
            one.dial(address, 8080),
            listener.accept()[0],
        ):
            pass


@pytest.mark.usefixtures("blue")
def test_the_kernel_of_a_sandbox_may_look_for_duplicates_of_an_address(
    daemon: Daemon, one: Sandbox
) -> None:
    daemon.connect("one", options={"allowed_addresses": "fd88::77"})
    one.run("ip", "addr", "add", "fd88::77/64", "dev", "eth0")
    eventually(lambda: "tentative" not in one.run("ip", "addr", "show", "to", "fd88::77"))
    assert "dadfailed" not in one.run("ip", "addr", "show", "to", "fd88::77")
    talk(daemon.testbed, one, "fd88::77")
