"""Docker, ufw and firewalld, from Debian's packages, beside the real daemon.

The daemon gives commands of the firewall that blocks. When they have run, packets of mynet's
networks and of Docker's pass.
"""

from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.support.daemon import Daemon
from tests.e2e.support.published_ports import ADDRESSES
from tests.e2e.support.surroundings.host_firewall_packages import Docker, Firewalld, lay_out
from tests.e2e.support.surroundings.host_firewalls import FAMILIES, bridged, make_blue, reaches
from tests.e2e.support.testbed import HOST, OUTSIDE, Sandbox, Testbed
from tests.project.docs.markdown import Page
from tests.support.matrix import matrix

PAGE = Path(__file__).parents[3] / "docs" / "firewalls.md"
RUN = [
    "run",
    "--detach",
    "--name",
    "web",
    "--publish",
    "8081:80",
    "box",
    "/busybox",
    "sleep",
    "600",
]
BOTH = {"out": True, "in": True}


def container_ways(docker: Docker, testbed: Testbed) -> dict[str, bool]:
    """Return whether a container of Docker's reaches the outside, and is reached from there."""
    container = docker.namespace("web")
    here = "0.0.0.0"  # noqa: S104 - a test's
    return {
        "out": reaches(container, testbed.outside, (here, 7001), OUTSIDE[0], 7001),
        "in": reaches(testbed.outside, container, (here, 80), HOST[0], 8081),
    }


@pytest.fixture
def shared_testbed(empty_testbed: Testbed) -> Testbed:
    lay_out(empty_testbed)
    return empty_testbed


# The IP versions whose bridged frames pass the firewall.
FRAMES = [((),), ((4, 6),)]


@pytest.mark.parametrize("frames", matrix(FRAMES, short=2))
def test_mynet_first_then_docker(shared_testbed: Testbed, frames: tuple[int, ...]) -> None:
    blue = make_blue(shared_testbed)
    with closing(Docker(shared_testbed)) as docker:
        bridged(shared_testbed, *frames)
        docker.run(*RUN)
        assert container_ways(docker, shared_testbed) == BOTH
        blue.require_cured()


@pytest.mark.parametrize("frames", matrix(FRAMES, short=lambda case: bool(case[0])))
def test_docker_first_on_a_host_that_does_not_forward(
    shared_testbed: Testbed, frames: tuple[int, ...]
) -> None:
    assert shared_testbed.forwarding() == ("0", "0")
    with closing(Docker(shared_testbed)) as docker:
        docker.run(*RUN)
        bridged(shared_testbed, *frames)
        blue = make_blue(shared_testbed)
        assert blue.open_ways(4) == {"out": False, "in": False, "between": not frames}
        assert blue.open_ways(6) == {"out": True, "in": True, "between": True}
        (told,) = blue.conditions()
        assert told.problem.startswith("Docker drops forwarded IPv4 packets")
        assert [command.split()[:3] for command in told.commands][-1] == [
            "iptables",
            "-I",
            "DOCKER-USER",
        ]
        blue.run_remedies()
        blue.require_cured()
        assert container_ways(docker, shared_testbed) == BOTH


def test_the_remedy_for_ufw_is_commands_of_ufw(shared_testbed: Testbed) -> None:
    bridged(shared_testbed, 4, 6)
    blue = make_blue(shared_testbed)
    shared_testbed.run("ufw", "--force", "enable")
    for version in FAMILIES:
        assert blue.open_ways(version) == {"out": False, "in": False, "between": False}
    told = blue.conditions()
    assert [condition.problem.split(" (")[0] for condition in told] == [
        f"ufw drops forwarded IPv{version} packets that its rules do not accept"
        for version in FAMILIES
    ]
    assert [*told[0].commands] == [
        "ufw route allow in on br-blue",
        "ufw route allow out on br-blue",
    ]
    shared_testbed.run("ufw", "route", "allow", "in", "on", "br-blue")
    assert len(blue.conditions()) == len(told)  # one half does not do
    blue.run_remedies()
    blue.require_cured()


def test_the_remedy_for_firewalld_is_commands_of_firewalld(shared_testbed: Testbed) -> None:
    bridged(shared_testbed, 4, 6)
    blue = make_blue(shared_testbed)
    with closing(Firewalld(shared_testbed)):
        for version in FAMILIES:
            assert blue.open_ways(version) == {"out": False, "in": True, "between": False}
        (told,) = blue.conditions()
        assert told.problem.startswith("firewalld drops forwarded IPv4 and IPv6 packets")
        assert "published ports" not in told.problem
        blue.run_remedies()
        blue.require_cured()
        shared_testbed.run("firewall-cmd", "--reload")
        blue.require_cured()


def test_what_the_page_says_of_firewalld_and_routed_networks_holds(shared_testbed: Testbed) -> None:
    daemon, one = Daemon(shared_testbed), Sandbox(shared_testbed, "one")
    daemon.create("web", "10.88.0.0/24", options={"gateway_mode_ipv4": "routed"})
    daemon.connect("one", network="web")
    outside = shared_testbed.outside
    outside.run("ip", "route", "add", "10.88.0.0/24", "via", HOST[0])
    with closing(Firewalld(shared_testbed)):

        def comes_in() -> bool:
            return reaches(outside, one, (ADDRESSES[0], 80), ADDRESSES[0], 80)

        page = Page(PAGE, PAGE.read_text())
        trust, policy = Page(PAGE, page.section("firewalld")).blocks("sh")
        shared_testbed.run("sh", "-euc", trust)
        assert daemon.networks()[0].conditions == []
        assert not comes_in()
        shared_testbed.run("sh", "-euc", policy)
        assert comes_in()
