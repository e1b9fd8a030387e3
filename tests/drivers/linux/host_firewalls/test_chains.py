"""The chains of other programs, compared with what nft and iptables-legacy list."""

import re

import pytest

from mynet.drivers.linux.host_firewalls.inspect import chains
from mynet.drivers.linux.host_firewalls.iptables_legacy import legacy_chains
from mynet.drivers.linux.kernel import LinuxKernel
from mynet.drivers.linux.values.host_firewalls import FORWARD, Chain
from tests.drivers.linux.support.namespaces import Namespace

OTHERS = """
table ip filter {
  chain theirs { accept; drop; }
  chain FORWARD { type filter hook forward priority filter; policy drop; jump theirs; }
}
table ip6 filter {
  chain INPUT { type filter hook input priority filter; policy drop; }
  chain FORWARD { type filter hook forward priority filter; policy accept; }
}
table inet filter {
  chain forward { type filter hook forward priority 7; policy drop; }
}
table bridge filter {
  chain b { type filter hook forward priority -200; policy drop; }
}
"""
HOOKS = {"prerouting": 0, "input": 1, "forward": FORWARD, "output": 3, "postrouting": 4}


def test_the_chains_are_those_that_nft_lists(host: Namespace) -> None:
    host.run("nft", "-f", "-", text=OTHERS)
    listed = host.json("nft", "-j", "list", "chains")["nftables"]
    expected = {
        (
            chain["family"],
            chain["table"],
            chain["name"],
            HOOKS.get(chain.get("hook")),
            chain.get("policy") == "drop",
        )
        for entry in listed
        if (chain := entry.get("chain"))
    }
    assert len(expected) == 6
    read = chains()
    assert {
        (chain.family, chain.table, chain.name, chain.hook, chain.drops) for chain in read
    } == expected
    assert {chain.name: chain.uses for chain in read if chain.family == "ip"} == {
        "theirs": 3,
        "FORWARD": 1,
    }


def test_an_empty_ruleset_has_no_chains(host: Namespace) -> None:
    assert host.run("nft", "list", "ruleset") == ""
    assert list(chains()) == []


def test_a_chain_without_a_policy_accepts(host: Namespace) -> None:
    host.run("nft", "add table ip t; add chain ip t c { type filter hook forward priority 0; }")
    assert list(chains()) == [Chain("ip", "t", "c", FORWARD)]


def test_the_table_of_mynet_is_left_out(host: Namespace, kernel: LinuxKernel) -> None:
    kernel.firewall.load("i", [])
    assert {chain.table for chain in chains()} == {"mynet"}
    assert list(kernel.firewall.inspect_surroundings().chains) == []


# --- iptables-legacy ----------------------------------------------------------------------------


@pytest.mark.parametrize(("family", "program"), [("ip", "iptables"), ("ip6", "ip6tables")])
def test_a_legacy_table_is_read_as_iptables_legacy_does(
    host: Namespace, family: str, program: str
) -> None:
    run = f"{program}-legacy"
    for arguments in (
        "-N empty",
        "-N busy",
        "-A busy -i br-web -j ACCEPT",
        "-A busy -o br-web -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "-A busy -p tcp -m multiport --dports 80,443 -j REJECT",
        "-A INPUT -j busy",
        "-A FORWARD -j busy",
        "-A FORWARD -g empty",
        "-A FORWARD -j DROP",
        "-P FORWARD DROP",
        "-P INPUT DROP",
    ):
        host.run(run, *arguments.split())
    listing = host.run(run, "-S")
    uses = {name: len(re.findall(rf"-[Ajg] {name}\b", listing)) for name in ("empty", "busy")}
    assert uses == {"empty": 1, "busy": 5}
    assert sorted(legacy_chains(), key=lambda chain: chain.name) == [
        Chain(family, "filter", "FORWARD", FORWARD, drops=True, legacy=True),
        Chain(family, "filter", "busy", uses=5, legacy=True),
        Chain(family, "filter", "empty", uses=1, legacy=True),
    ]
    host.run(run, "-P", "FORWARD", "ACCEPT")
    assert not any(chain.drops for chain in legacy_chains())
    assert host.run(run, "-S") == listing.replace("-P FORWARD DROP", "-P FORWARD ACCEPT")


def test_reading_creates_no_legacy_table(host: Namespace) -> None:
    assert list(legacy_chains()) == []
    names = "cat /proc/thread-self/net/ip_tables_names /proc/thread-self/net/ip6_tables_names"
    assert host.run("sh", "-c", names) == ""


def test_a_host_with_a_legacy_table_nat_alone_has_no_chains(host: Namespace) -> None:
    host.run("iptables-legacy", "-t", "nat", "-L")  # creates the table nat, and no table filter
    assert list(legacy_chains()) == []
