"""Options of endpoints, as a user asks for them and the sandbox has them."""

from mynet.v1.network_pb2 import Network
from tests.e2e.daemon import Daemon, connect, refusal
from tests.e2e.stage import Sandbox, Stage

RP_FILTER, HOP_LIMIT = "net.ipv4.conf.IFNAME.rp_filter", "net.ipv6.conf.IFNAME.hop_limit"
SYSCTLS = {RP_FILTER: "2", HOP_LIMIT: "9", "net.ipv4.neigh.IFNAME.gc_stale_time": "77"}


def values(box: Sandbox) -> list[str]:
    names = [name.replace("IFNAME", "eth0") for name in SYSCTLS]
    return box.run("sysctl", "-n", *names).split()


def test_sysctls_are_set_in_the_sandbox_and_known_again(
    daemon: Daemon, blue: Network, one: Sandbox
) -> None:
    first = daemon.connect("one", options=SYSCTLS)
    assert values(one) == list(SYSCTLS.values())
    assert first.options == SYSCTLS
    assert daemon.connect("one", options=SYSCTLS) == first
    other = refusal(daemon.net.Connect, connect("one", options={RP_FILTER: "1"}))
    assert other.reason == "ENDPOINT_EXISTS"
    assert values(one) == list(SYSCTLS.values())


def test_faulty_sysctls_are_all_told_at_once_and_change_nothing(
    daemon: Daemon, blue: Network, one: Sandbox
) -> None:
    before, inside = daemon.everything(), one.state()
    faulty = {
        RP_FILTER: "3",
        "net.ipv4.conf.all.rp_filter": "1",
        "net.ipv6.conf.IFNAME.disable_ipv6": "1",
        "net.core.somaxconn": "9",
    }
    refused = refusal(daemon.net.Connect, connect("one", options=faulty))
    assert (refused.code, refused.reason) == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
    assert "options[net.core.somaxconn]" in refused.message
    assert "and 1 more" in refused.message
    assert (daemon.everything(), one.state()) == (before, inside)


def test_without_a_sandbox_a_sysctl_is_refused_and_leaves_nothing(
    daemon: Daemon, blue: Network
) -> None:
    before = daemon.everything()
    request = connect("one", options={RP_FILTER: "2"})
    request.ClearField("netns_name")
    refused = refusal(daemon.net.Connect, request)
    assert (refused.code, refused.reason) == ("UNIMPLEMENTED", "CAPABILITY_UNSUPPORTED")
    assert daemon.everything() == before


def test_a_start_sets_again_what_was_changed_meanwhile(empty_stage: Stage) -> None:
    box = Sandbox(empty_stage, "one")
    daemon = Daemon(empty_stage)
    daemon.create("blue")
    endpoint = daemon.connect("one", options=SYSCTLS)
    daemon.stop()
    box.run("sysctl", "-w", "net.ipv4.conf.eth0.rp_filter=0", "net.ipv6.conf.eth0.accept_ra=2")
    daemon = Daemon(empty_stage)
    assert values(box) == list(SYSCTLS.values())
    assert daemon.problems(endpoint) == []
    box.run("sysctl", "-w", "net.ipv6.conf.eth0.hop_limit=64")
    assert daemon.problems(endpoint) == ["net.ipv6.conf.eth0.hop_limit is 64 instead of 9."]
