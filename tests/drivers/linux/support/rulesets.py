"""What published ports and endpoints add to the firewall as text, with helpers to compare it."""

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

from mynet.drivers.api import PortProtocol
from mynet.drivers.linux.firewall.ruleset import all_elements, replaced
from mynet.drivers.linux.values.desired import NetworkRules
from mynet.drivers.linux.values.endpoint_rules import AddressRange, Attachment, EndpointRules, Guard
from mynet.drivers.linux.values.ports import Forward

RULES = Path(replaced.__code__.co_filename).with_name("ruleset.nft")
GUARD = RULES.with_name("guard.nft")
ADDRESSES = tuple(map(ip_address, ("10.1.0.2", "fd00:1::2", "fe80::2ff:fe00:2")))
ALLOWED = tuple(
    AddressRange(ip_address(first), ip_address(last))
    for first, last in (
        ("10.9.0.0", "10.9.0.255"),
        ("10.9.1.7", "10.9.1.7"),
        ("fd09::", "fd09::ffff"),
        ("fd09:1::7", "fd09:1::7"),
    )
)
SUBNETS = (ip_network("10.1.0.0/24"), ip_network("fd00:1::/64"))
DUAL = Guard(
    Attachment(7, 3), "02:00:00:00:00:02", ADDRESSES, conntrack_limit=4096, subnets=SUBNETS
)


def rules_of(bridge: str, *subnets: str, internal: bool = False) -> NetworkRules:
    cidrs = tuple(ip_network(subnet) for subnet in subnets)
    return NetworkRules(bridge, internal, cidrs, subnets=cidrs)


def forward(host: str, port: int, target: str, to: int, **fields: object) -> Forward:
    made = Forward(
        PortProtocol.TCP, ip_address(host) if host else None, port, ip_address(target), to
    )
    return replace(made, **fields)  # type: ignore[arg-type]


WEB = rules_of("br-web", "10.1.0.0/24", "fd00:1::/64")
UDP, SCTP = PortProtocol.UDP, PortProtocol.SCTP
PORTS = {
    "one": (
        [forward("", 8080, "10.1.0.2", 80), forward("", 8080, "fd00:1::2", 80)],
        """
        add element inet mynet held4 { tcp . 8080 }
        add element inet mynet held6 { tcp . 8080 }
        add element inet mynet leaves4 { 10.1.0.2 . tcp . 8080 }
        add element inet mynet leaves6 { fd00:1::2 . tcp . 8080 }
        add element inet mynet pub4 { tcp . 8080 : 10.1.0.2 . 80 }
        add element inet mynet pub6 { tcp . 8080 : fd00:1::2 . 80 }
        add element inet mynet pubsrc4 { 10.1.0.2 . tcp . 80 : 8080 }
        add element inet mynet pubsrc6 { fd00:1::2 . tcp . 80 : 8080 }
        """,
    ),
    "one, several times": (
        [
            forward("", 8080, "10.3.0.2", 80),
            forward("", 8081, "10.3.0.2", 80),
            forward("192.0.2.7", 8082, "10.3.0.2", 80),
        ],
        """
        add element inet mynet held4 { tcp . 8080, tcp . 8081, tcp . 8082 }
        add element inet mynet leaves4 { 10.3.0.2 . tcp . 8080 }
        add element inet mynet pub4 { tcp . 8080 : 10.3.0.2 . 80, tcp . 8081 : 10.3.0.2 . 80 }
        add element inet mynet pubip4 { 192.0.2.7 . tcp . 8082 : 10.3.0.2 . 80 }
        add element inet mynet pubsrc4 { 10.3.0.2 . tcp . 80 : 8080 }
        """,
    ),
    "at one address": (
        [forward("127.0.0.1", 53, "10.1.0.2", 5353, protocol=UDP)],
        "add element inet mynet pubip4 { 127.0.0.1 . udp . 53 : 10.1.0.2 . 5353 }",
    ),
    "a range that keeps its numbers": (
        [
            forward("", 9000, "10.1.0.2", 9000, count=101),
            forward("", 9000, "fd00:1::2", 9000, count=101, protocol=UDP),
            forward("", 60000, "10.1.0.2", 60000, count=5536, protocol=SCTP),
        ],
        """
        add element inet mynet heldr4 { tcp . 9000-9100, sctp . 60000-65535 }
        add element inet mynet heldr6 { udp . 9000-9100 }
        add element inet mynet pubr_sctp4 { 60000-65535 : 10.1.0.2 }
        add element inet mynet pubr_tcp4 { 9000-9100 : 10.1.0.2 }
        add element inet mynet pubr_udp6 { 9000-9100 : fd00:1::2 }
        add element inet mynet pubsrcr4 { 10.1.0.2 . tcp . 9000-9100, 10.1.0.2 . sctp . 60000-65535 }
        add element inet mynet pubsrcr6 { fd00:1::2 . udp . 9000-9100 }
        """,  # noqa: E501 - a line of the ruleset
    ),
    "such a range at one address": (
        [
            forward("127.0.0.1", 9000, "10.1.0.2", 9000, count=101),
            forward("2001:db8::1", 9000, "fd00:1::2", 9000, count=2, protocol=SCTP),
        ],
        """
        add element inet mynet held6 { sctp . 9000, sctp . 9001 }
        add element inet mynet pubipr4 { 127.0.0.1 . tcp . 9000-9100 : 10.1.0.2 }
        add element inet mynet pubipr6 { 2001:db8::1 . sctp . 9000-9001 : fd00:1::2 }
        add element inet mynet pubsrcipr6 { fd00:1::2 . sctp . 9000-9001 : 2001:db8::1 }
        add element inet mynet pubsrcr6 { fd00:1::2 . sctp . 9000-9001 }
        """,
    ),
    "ranges that share numbers": (
        [
            forward("192.0.2.7", 9000, "10.3.0.2", 9000, count=3, protocol=UDP),
            forward("192.0.2.8", 9002, "10.3.0.2", 9002, count=2, protocol=UDP),
        ],
        """
        add element inet mynet held4 { udp . 9000, udp . 9001, udp . 9002, udp . 9003 }
        add element inet mynet pubipr4 { 192.0.2.7 . udp . 9000-9002 : 10.3.0.2, 192.0.2.8 . udp . 9002-9003 : 10.3.0.2 }
        add element inet mynet pubsrcipr4 { 10.3.0.2 . udp . 9000-9002 : 192.0.2.7 }
        add element inet mynet pubsrcr4 { 10.3.0.2 . udp . 9000-9002 }
        """,  # noqa: E501 - a line of the ruleset
    ),
    "a range with other numbers": (
        [
            forward("", 9000, "10.1.0.2", 7000, count=2),
            forward("192.0.2.7", 65534, "10.1.0.2", 1, count=2),
        ],
        """
        add element inet mynet held4 { tcp . 9000, tcp . 9001, tcp . 65534, tcp . 65535 }
        add element inet mynet leaves4 { 10.1.0.2 . tcp . 9000, 10.1.0.2 . tcp . 9001, 10.1.0.2 . tcp . 65534, 10.1.0.2 . tcp . 65535 }
        add element inet mynet pub4 { tcp . 9000 : 10.1.0.2 . 7000, tcp . 9001 : 10.1.0.2 . 7001 }
        add element inet mynet pubip4 { 192.0.2.7 . tcp . 65534 : 10.1.0.2 . 1, 192.0.2.7 . tcp . 65535 : 10.1.0.2 . 2 }
        add element inet mynet pubsrc4 { 10.1.0.2 . tcp . 7000 : 9000, 10.1.0.2 . tcp . 7001 : 9001 }
        add element inet mynet pubsrcip4 { 10.1.0.2 . tcp . 1 : 192.0.2.7 . 65534, 10.1.0.2 . tcp . 2 : 192.0.2.7 . 65535 }
        """,  # noqa: E501 - a line of the ruleset
    ),
}
GUARDS = {
    "both families": (
        DUAL,
        """
        add element bridge mynet nd_own_ip { 7 . 0xfd000001000000000000000000000002, 7 . 0xfe80000000000000000002fffe000002 }
        add element bridge mynet nd_own_mac { 7 . 0x020000000002 }
        add element bridge mynet own_ip4 { 7 . 02:00:00:00:00:02 . 10.1.0.2 }
        add element bridge mynet own_ip6 { 7 . 02:00:00:00:00:02 . fd00:1::2, 7 . 02:00:00:00:00:02 . fe80::2ff:fe00:2 }
        add element bridge mynet own_mac { 7 . 02:00:00:00:00:02 }
        add element bridge mynet ports { 7 : 0:7 }
        add element inet mynet conntrack_limits { 3 . 0:7 ct count over 4096 }
        add element inet mynet fast { 3 . 0:7 limit rate over 2048/minute burst 4096 packets }
        add element inet mynet members4 { 3 . 10.1.0.2 }
        add element inet mynet members6 { 3 . fd00:1::2 }
        add element inet mynet too_fast { 3 . 0:7 limit rate over 1024/second burst 4096 packets }
        """,  # noqa: E501 - lines of the ruleset
    ),
    "IPv4 alone, without a limit": (
        replace(DUAL, addresses=ADDRESSES[:1], conntrack_limit=0),
        """
        add element bridge mynet own_ip4 { 7 . 02:00:00:00:00:02 . 10.1.0.2 }
        add element bridge mynet own_mac { 7 . 02:00:00:00:00:02 }
        add element inet mynet members4 { 3 . 10.1.0.2 }
        """,
    ),
    "allowed addresses": (
        replace(DUAL, addresses=(), allowed=ALLOWED, conntrack_limit=10),
        """
        add element bridge mynet allowed_ip4 { 7 . 02:00:00:00:00:02 . 10.9.0.0-10.9.0.255, 7 . 02:00:00:00:00:02 . 10.9.1.7 }
        add element bridge mynet allowed_ip6 { 7 . 02:00:00:00:00:02 . fd09::-fd09::ffff, 7 . 02:00:00:00:00:02 . fd09:1::7 }
        add element bridge mynet nd_allowed_ip { 7 . 0xfd090000000000000000000000000000-0xfd09000000000000000000000000ffff, 7 . 0xfd090001000000000000000000000007 }
        add element bridge mynet nd_own_mac { 7 . 0x020000000002 }
        add element bridge mynet own_mac { 7 . 02:00:00:00:00:02 }
        add element bridge mynet ports { 7 : 0:7 }
        add element inet mynet conntrack_limits { 3 . 0:7 ct count over 10 }
        add element inet mynet fast { 3 . 0:7 limit rate over 5/minute burst 10 packets }
        add element inet mynet open_bridges { 3 }
        add element inet mynet too_fast { 3 . 0:7 limit rate over 2/second burst 10 packets }
        """,  # noqa: E501 - lines of the ruleset
    ),
    "without spoof_check": (
        replace(DUAL, spoof_check=False, allowed=ALLOWED),
        """
        add element bridge mynet allowed_ip4 { 7 . 02:00:00:00:00:02 . 10.9.0.0-10.9.0.255, 7 . 02:00:00:00:00:02 . 10.9.1.7 }
        add element bridge mynet allowed_ip6 { 7 . 02:00:00:00:00:02 . fd09::-fd09::ffff, 7 . 02:00:00:00:00:02 . fd09:1::7 }
        add element bridge mynet nd_allowed_ip { 7 . 0xfd090000000000000000000000000000-0xfd09000000000000000000000000ffff, 7 . 0xfd090001000000000000000000000007 }
        add element bridge mynet network_ip4 { 7 . 10.1.0.0/24 }
        add element bridge mynet network_ip6 { 7 . fd00:1::/64 }
        add element bridge mynet ports { 7 : 0:7 }
        add element bridge mynet unguarded { 7 }
        add element inet mynet conntrack_limits { 3 . 0:7 ct count over 4096 }
        add element inet mynet fast { 3 . 0:7 limit rate over 2048/minute burst 4096 packets }
        add element inet mynet members4 { 3 . 10.1.0.2 }
        add element inet mynet members6 { 3 . fd00:1::2 }
        add element inet mynet open_bridges { 3 }
        add element inet mynet too_fast { 3 . 0:7 limit rate over 1024/second burst 4096 packets }
        """,  # noqa: E501 - lines of the ruleset
    ),
}


def ruleset(
    instance: str, rules: Sequence[NetworkRules], endpoints: Sequence[EndpointRules] = ()
) -> str:
    return replaced(instance, all_elements(rules, endpoints))


def added(text: str) -> list[str]:
    """Return the lines after the rules."""
    return text.partition(RULES.read_text() + GUARD.read_text())[2].splitlines()


def lines_of(expected: str) -> list[str]:
    return [line.strip() for line in expected.strip().splitlines()]
