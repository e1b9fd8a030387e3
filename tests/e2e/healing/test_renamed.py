"""Links that another program renames: found by their marks, and renamed back in place."""

import signal
from collections.abc import Iterator, Sequence

import pytest

from mynet.v1.network_pb2 import DoctorRequest
from tests.e2e.support.daemon import Daemon, eventually
from tests.e2e.support.echo import conversation, datagrams
from tests.e2e.support.namespace import talk
from tests.e2e.support.testbed import OUTSIDE, Sandbox, Testbed

LIMITS = {"bandwidth_egress": "100Mbit"}
LINKS = ["the bridge", "the host's veth", "the inner end", "the shaper"]
by_link = pytest.mark.parametrize("link", LINKS)
by_server = pytest.mark.parametrize("server", [OUTSIDE[0], OUTSIDE[1]], ids=["IPv4", "IPv6"])


class Scene:
    """A network with one endpoint, and what other programs do to its links."""

    def __init__(self, testbed: Testbed, *options: str) -> None:
        self.testbed = testbed
        self.options = options
        self.daemon = Daemon(testbed, *options)
        self.box = Sandbox(testbed, "one")
        self.daemon.create()
        self.endpoint = self.daemon.connect("one", options=LIMITS)
        veth = self.endpoint.host_interface
        self._links = {
            "the bridge": (testbed, "br-blue"),
            "the host's veth": (testbed, veth),
            "the inner end": (self.box, "eth0"),
            "the shaper": (testbed, "ifb-" + veth.removeprefix("veth")),
        }
        self.before = self.links()

    def links(self) -> dict[str, tuple[int, str, str]]:
        """Return index, MAC address and bridge of the links of host and sandbox, by their names."""
        return {
            name: (link["ifindex"], link["address"], link.get("master", ""))
            for where in (self.testbed, self.box)
            for name, link in where.links().items()
            if name not in {"lo", "uplink"}
        }

    def rename(self, link: str, to: str = "lan9") -> None:
        where, name = self._links[link]
        where.run("ip", "link", "set", name, "name", to)

    def add(self, link: str) -> None:
        """Make a link of another program with that name."""
        where, name = self._links[link]
        where.run("ip", "link", "add", name, "type", "bridge")

    def remove(self, link: str) -> None:
        where, name = self._links[link]
        where.run("ip", "link", "del", name)

    def is_whole(self) -> bool:
        return self.links() == self.before and self.daemon.problems(self.endpoint) == []

    def forget_altnames(self) -> None:
        """Remove what links of an earlier version do not have."""
        for name, link in self.testbed.links().items():
            for altname in link.get("altnames", ()):
                self.testbed.run("ip", "link", "property", "del", "dev", name, "altname", altname)

    def kill(self) -> None:
        self.daemon.signal(signal.SIGKILL)
        self.daemon.wait()

    def start(self) -> None:
        self.daemon = Daemon(self.testbed, *self.options)


@pytest.fixture(scope="module")
def options() -> Sequence[str]:
    return ()


@pytest.fixture(scope="module")
def healed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A scene whose daemon heals, and is as it was after each test."""
    testbed = Testbed(tmp_path_factory.mktemp("healed"))
    scene = Scene(testbed)
    yield scene
    scene.daemon.stop()
    testbed.close()


@pytest.fixture
def unhealed(empty_testbed: Testbed) -> Iterator[Scene]:
    """A scene of the test's own, whose daemon repairs nothing by itself."""
    scene = Scene(empty_testbed, "--no-heal")
    yield scene
    scene.daemon.stop()


@by_link
@by_server
def test_a_renamed_link_gets_its_name_back_and_connections_go_on(
    healed: Scene, link: str, server: str
) -> None:
    with conversation(healed.box, healed.testbed.outside, server) as connection:
        healed.rename(link)
        eventually(healed.is_whole)
        connection.go_on()


@by_link
def test_a_start_renames_links_back_and_no_connection_ends(healed: Scene, link: str) -> None:
    with conversation(healed.box, healed.testbed.outside, OUTSIDE[0]) as connection:
        healed.kill()
        healed.rename(link)
        healed.start()
        assert healed.is_whole()
        connection.go_on()


@by_link
@by_server
def test_no_packet_is_lost_when_a_link_gets_its_name_back(
    healed: Scene, link: str, server: str
) -> None:
    with datagrams(healed.box, healed.testbed.outside, server) as flow:
        healed.rename(link)
        eventually(healed.is_whole)
        assert flow.lost() == 0


@by_link
@by_server
def test_no_packet_is_lost_when_a_start_renames_links_back(
    healed: Scene, link: str, server: str
) -> None:
    """The kernel may lose a packet that is under way when the whole firewall is replaced."""

    def nothing_is_lost() -> bool:
        with datagrams(healed.box, healed.testbed.outside, server) as flow:
            healed.kill()
            healed.rename(link)
            healed.start()
            assert healed.is_whole()
            return flow.lost() == 0

    eventually(nothing_is_lost)


@by_link
def test_a_start_knows_renamed_links_of_an_earlier_version(healed: Scene, link: str) -> None:
    with conversation(healed.box, healed.testbed.outside, OUTSIDE[0]) as connection:
        healed.kill()
        healed.forget_altnames()
        healed.rename(link)
        healed.start()
        assert healed.is_whole()
        connection.go_on()
    named = [link for link in healed.testbed.links().values() if link.get("altnames")]
    assert len(named) == 3


def test_doctor_names_renamed_links_and_renames_them_back(unhealed: Scene) -> None:
    with conversation(unhealed.box, unhealed.testbed.outside, OUTSIDE[0]) as connection:
        for number, link in enumerate(LINKS, 1):
            unhealed.rename(link, f"lan{number}")
        found = unhealed.daemon.net.Doctor(DoctorRequest()).findings
        problems = " ".join(finding.problem for finding in found)
        for number in range(1, 5):
            assert f" named lan{number}." in problems
        repaired = unhealed.daemon.net.Doctor(DoctorRequest(repair=True)).findings
        connection.go_on()
    assert all(finding.repaired for finding in repaired)
    assert unhealed.is_whole()


def test_a_renamed_endpoint_is_gone_when_it_is_disconnected(unhealed: Scene) -> None:
    for number, link in enumerate(LINKS, 1):
        unhealed.rename(link, f"lan{number}")
    unhealed.daemon.disconnect("one")
    assert unhealed.links().keys() == {"lan1"}
    unhealed.daemon.delete()
    assert unhealed.links() == {}


def test_a_renamed_endpoint_without_its_altname_is_gone_when_it_is_disconnected(
    unhealed: Scene,
) -> None:
    unhealed.forget_altnames()
    unhealed.rename("the host's veth")
    unhealed.daemon.disconnect("one")
    assert unhealed.links().keys() == {"br-blue"}
    unhealed.daemon.delete()


def test_a_network_is_gone_although_its_bridge_has_another_name(unhealed: Scene) -> None:
    unhealed.rename("the bridge")
    unhealed.add("the bridge")
    unhealed.daemon.delete()
    assert unhealed.links().keys() == {"br-blue"}


def test_connect_and_update_find_a_renamed_bridge(unhealed: Scene) -> None:
    unhealed.rename("the bridge")
    two = Sandbox(unhealed.testbed, "two")
    unhealed.daemon.connect("two")
    assert talk(two, unhealed.box, "10.88.0.2") == "10.88.0.3"
    assert "lan9" not in unhealed.links()


@pytest.mark.parametrize("link", LINKS[:3])
def test_a_name_that_another_link_has_is_said_and_traffic_within_the_network_goes_on(
    unhealed: Scene, link: str
) -> None:
    two = Sandbox(unhealed.testbed, "two")
    unhealed.daemon.connect("two")
    with conversation(two, unhealed.box, "10.88.0.2") as connection:
        unhealed.rename(link)
        unhealed.add(link)
        findings = unhealed.daemon.net.Doctor(DoctorRequest(repair=True)).findings
        connection.go_on()
        said = [finding for finding in findings if "renamed" in finding.problem]
        assert said
        assert not any(finding.repaired for finding in said)
        unhealed.remove(link)
        unhealed.daemon.net.Doctor(DoctorRequest(repair=True))
        connection.go_on()
    assert unhealed.daemon.net.Doctor(DoctorRequest()).findings == []
    assert unhealed.daemon.problems(unhealed.endpoint) == []


def test_an_alternative_name_of_another_link_counts_when_a_name_is_chosen(
    unhealed: Scene,
) -> None:
    two = Sandbox(unhealed.testbed, "two")
    two.run("ip", "link", "add", "uplink", "type", "bridge")
    two.run("ip", "link", "property", "add", "dev", "uplink", "altname", "eth0")
    assert unhealed.daemon.connect("two").interface == "eth1"


def test_a_link_gets_its_name_back_from_its_own_alternative_names(healed: Scene) -> None:
    """systemd keeps the former name of a link as an alternative name."""
    healed.rename("the bridge")
    healed.testbed.attempt("ip", "link", "property", "add", "dev", "lan9", "altname", "br-blue")
    eventually(healed.is_whole)


def test_another_alias_does_not_hide_whose_a_link_is(healed: Scene) -> None:
    for link in ("br-blue", healed.endpoint.host_interface):
        healed.testbed.run("ip", "link", "set", link, "alias", "an administrator's note")
    healed.rename("the bridge")
    healed.rename("the host's veth", "lan8")
    eventually(healed.is_whole)
    eventually(lambda: "note" not in healed.testbed.run("ip", "link"))
