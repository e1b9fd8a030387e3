"""Hosts with a second uplink: replies of published ports leave by the uplink of their request."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from mynet.v1.network_pb2 import GetNetworkRequest, UpdateNetworkRequest
from tests.e2e.support.daemon import Daemon, create, eventually, refusal
from tests.e2e.support.namespace import PATIENCE, Namespace
from tests.e2e.support.published_ports import ADDRESSES, DNS, WEB, by_family, reached
from tests.e2e.support.surroundings.uplinks import (
    NEAR,
    OPTION,
    OWN_TABLE,
    ROUTER,
    SECOND_DEFAULT,
    gets_answers,
    is_refused,
    routing,
    rules,
    second_uplink,
    shell,
)
from tests.e2e.support.testbed import HOST, OUTSIDE, Sandbox
from tests.project.docs.markdown import Page

PATH = Path(__file__).parents[3] / "docs" / "firewalls.md"


@pytest.fixture
def router(daemon: Daemon) -> Iterator[Namespace]:
    """A router at a second uplink, with a client behind it that no other route leads to."""
    with second_uplink(daemon.testbed) as made:
        yield made


def choose(daemon: Daemon, *, on: bool) -> None:
    options = {OPTION: "true" if on else "false"}
    daemon.net.UpdateNetwork(UpdateNetworkRequest(network="blue", options=options))


@pytest.mark.parametrize("routes", [SECOND_DEFAULT, OWN_TABLE], ids=["metric", "table"])
@by_family
def test_replies_leave_by_the_uplink_that_the_request_came_in_by(
    daemon: Daemon, one: Sandbox, router: Namespace, family: int, routes: str
) -> None:
    shell(daemon.testbed, routes)
    daemon.create()
    daemon.connect("one", ports=[WEB, DNS])
    assert is_refused(router, one, family)
    before = routing(daemon.testbed)
    choose(daemon, on=True)
    gets_answers(router, one, family)
    outside = daemon.testbed.outside
    assert reached(outside, one, (ADDRESSES[family], 80), (HOST[family], 8080)) == OUTSIDE[family]
    choose(daemon, on=False)
    assert is_refused(router, one, family)
    assert routing(daemon.testbed) == before


@by_family
def test_the_option_holds_for_connections_that_exist(
    daemon: Daemon, one: Sandbox, router: Namespace, family: int
) -> None:
    shell(daemon.testbed, SECOND_DEFAULT)
    daemon.create()
    daemon.connect("one", ports=[DNS])
    kind = socket.AF_INET6 if family else socket.AF_INET

    def made() -> socket.socket:
        return socket.socket(kind, socket.SOCK_DGRAM)

    with one.inside(made) as server, router.inside(made) as client:
        server.settimeout(PATIENCE)
        client.settimeout(1)
        server.bind((ADDRESSES[family], 53))
        client.connect((NEAR[family], 5300))

        def is_answered() -> bool:
            client.send(b"question")
            server.sendto(b"answer", server.recvfrom(100)[1])
            try:
                return client.recv(100) == b"answer"
            except OSError:
                return False

        assert not is_answered()
        choose(daemon, on=True)
        eventually(is_answered)
        choose(daemon, on=False)
        assert not is_answered()


def test_a_default_route_over_both_uplinks_has_two(
    daemon: Daemon, one: Sandbox, router: Namespace
) -> None:
    hops = f"nexthop via {OUTSIDE[0]} dev uplink nexthop via {ROUTER[0]} dev up1"
    shell(daemon.testbed, f"ip route replace default {hops}")
    daemon.create(options={OPTION: "true"})
    daemon.connect("one", ports=[WEB, DNS])
    gets_answers(router, one, 0)
    shown = daemon.testbed.run("ip", "-4", "route", "show", "table", "all")
    assert len(re.findall(r"default via \S+ dev \S+ table \d+", shown)) == 2
    shell(daemon.testbed, f"ip route replace default via {OUTSIDE[0]} dev uplink")


def test_a_neighbour_at_the_uplink_is_answered_directly(
    daemon: Daemon, one: Sandbox, router: Namespace
) -> None:
    shell(daemon.testbed, SECOND_DEFAULT)
    daemon.testbed.run("ip", "route", "add", f"{ROUTER[0]}/32", "dev", "uplink")
    daemon.create(options={OPTION: "true"})
    daemon.connect("one", ports=[WEB])
    router.run("ip", "route", "del", f"{NEAR[0]}/32")
    assert reached(router, one, (ADDRESSES[0], 80), (NEAR[0], 8080)) == ROUTER[0]
    shown = daemon.testbed.run("ip", "route", "show", "table", "all")
    assert re.search(r"198\.51\.100\.0/24 dev up1 table \d{6,}", shown)
    daemon.testbed.run("ip", "route", "del", f"{ROUTER[0]}/32", "dev", "uplink")


def test_the_tables_follow_the_uplinks(daemon: Daemon, one: Sandbox, router: Namespace) -> None:
    testbed = daemon.testbed
    daemon.create(options={OPTION: "true"})
    daemon.connect("one", ports=[WEB, DNS])
    assert is_refused(router, one, 0)
    shell(testbed, SECOND_DEFAULT)
    eventually(lambda: len(rules(testbed)) == 4)
    eventually(lambda: not is_refused(router, one, 0))
    gets_answers(router, one, 1)
    default = ("default", "dev", "up1", "metric", "500")
    testbed.run("ip", "route", "replace", *default, "via", "198.51.100.3")
    shown = ("ip", "route", "show", "table", "all")
    eventually(lambda: testbed.run(*shown).count("default via 198.51.100.3 dev up1") == 2)
    testbed.run("ip", "route", "delete", *default)
    testbed.run("ip", "-6", "route", "delete", "default", "dev", "up1")
    eventually(lambda: len(rules(testbed)) == 2)


@by_family
def test_rules_and_marks_of_other_programs_stay(
    daemon: Daemon, one: Sandbox, router: Namespace, family: int
) -> None:
    testbed = daemon.testbed
    version = "-6" if family else "-4"
    shell(testbed, SECOND_DEFAULT)
    foreign = ("pref", "5210", "fwmark", "0x80000/0xff0000", "lookup", "main")
    testbed.run("ip", version, "rule", "add", *foreign)
    testbed.run(
        "nft",
        "table inet other { chain pre { type filter hook prerouting priority -151;"
        " ct state new ct mark set 0x00040000; meta mark set 0x80000; };"
        " chain post { type filter hook postrouting priority 0;"
        ' oifname "up1" meta mark & 0x0fffffff == 0x80000 counter; }; }',
    )
    before = routing(testbed)
    daemon.create(options={OPTION: "true"})
    daemon.connect("one", ports=[WEB, DNS])
    gets_answers(router, one, family)
    numbers = re.findall(r" mark=(\d+)", testbed.run("cat", "/proc/net/nf_conntrack"))
    assert 0x00040000 in {int(number) & 0x0FFFFFFF for number in numbers if int(number) >> 28}
    assert "packets 0" not in testbed.run("nft", "list", "chain", "inet", "other", "post")
    daemon.delete()
    assert routing(testbed) == before
    testbed.run("nft", "delete", "table", "inet", "other")
    testbed.run("ip", version, "rule", "delete", "pref", "5210")


@by_family
def test_an_endpoint_answers_over_another_network(
    daemon: Daemon, one: Sandbox, router: Namespace, family: int
) -> None:
    shell(daemon.testbed, SECOND_DEFAULT)
    daemon.create(options={OPTION: "true"})
    daemon.create("red", "10.77.0.0/24", "fd77::/64", options={OPTION: "true"})
    daemon.connect("one", ports=[WEB, DNS])
    daemon.connect("one", network="red", gateway_priority=5)
    gets_answers(router, one, family)


def test_strict_filtering_of_sources_is_a_condition_with_a_cure(
    daemon: Daemon, one: Sandbox, router: Namespace
) -> None:
    testbed = daemon.testbed
    shell(testbed, SECOND_DEFAULT)
    daemon.create(options={OPTION: "true"})
    daemon.connect("one", ports=[WEB, DNS])
    testbed.run("sysctl", "-qw", "net.ipv4.conf.up1.rp_filter=1")
    assert is_refused(router, one, 0)
    request = GetNetworkRequest(network="blue")
    (condition,) = daemon.net.GetNetwork(request).network.conditions
    assert "up1" in condition.problem
    assert list(condition.commands) == ["sysctl -w net.ipv4.conf.up1.rp_filter=2"]
    shell(testbed, condition.commands[0])
    gets_answers(router, one, 0)
    assert not daemon.net.GetNetwork(request).network.conditions


def test_strict_filtering_on_the_bridge_does_not_matter(
    daemon: Daemon, one: Sandbox, router: Namespace
) -> None:
    testbed = daemon.testbed
    shell(testbed, SECOND_DEFAULT)
    daemon.create(options={OPTION: "true"})
    daemon.connect("one", ports=[WEB, DNS])
    for setting in ("br-blue.rp_filter", "all.src_valid_mark"):
        testbed.run("sysctl", "-qw", f"net.ipv4.conf.{setting}=1")
    gets_answers(router, one, 0)
    testbed.run("sysctl", "-qw", "net.ipv4.conf.all.src_valid_mark=0")


def test_an_internal_network_has_no_uplinks(daemon: Daemon) -> None:
    refused = refusal(daemon.net.CreateNetwork, create(internal=True, options={OPTION: "true"}))
    assert "an internal network has no uplinks" in refused.message


def test_the_page_says_how(daemon: Daemon, one: Sandbox, router: Namespace) -> None:
    shell(daemon.testbed, SECOND_DEFAULT)
    daemon.create("web", "10.88.0.0/24", "fd88::/64")
    daemon.connect("one", network="web", ports=[WEB, DNS])
    section = Page(PATH, PATH.read_text()).section("Several uplinks")
    (commands,) = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    shell(daemon.testbed, commands)
    gets_answers(router, one, 0)
