"""What other programs put in the way of network blue, and the commands that remove it."""

# By the commands of another program: the commands of doctor.
OBSTACLES = {
    "ip route add 10.88.0.0/25 via 203.0.113.2": (
        "ip route del 10.88.0.0/25 via 203.0.113.2 dev uplink"
    ),
    "ip route add blackhole 10.88.0.2": "ip route del blackhole 10.88.0.2/32",
    "ip route replace 10.88.0.0/24 via 203.0.113.2": (
        "ip route del 10.88.0.0/24 via 203.0.113.2 dev uplink"
    ),
    "ip -6 route add fd88::/65 via 2001:db8::2": (
        "ip -6 route del fd88::/65 via 2001:db8::2 dev uplink metric 1024"
    ),
    "ip -6 route add fd88::/64 via 2001:db8::2 metric 5": (
        "ip -6 route del fd88::/64 via 2001:db8::2 dev uplink metric 5"
    ),
    "ip -6 route add unreachable fd88::2": "ip -6 route del unreachable fd88::2/128 metric 1024",
    "sysctl -qw net.ipv4.conf.uplink.forwarding=0": "sysctl -w net.ipv4.conf.uplink.forwarding=1",
    "sysctl -qw net.ipv4.conf.all.arp_ignore=8": "sysctl -w net.ipv4.conf.all.arp_ignore=0",
    "ip rule add iif br-blue blackhole": "ip rule add pref 32764 from 10.88.0.0/24 lookup main",
    "ip -6 rule add iif br-blue prohibit": "ip -6 rule add pref 32764 from fd88::/64 lookup main",
    "ip rule add to 10.88.0.0/16 unreachable": (
        "ip rule add pref 32764 to 10.88.0.0/24 lookup main"
    ),
    "ip route add 10.0.0.0/8 via 203.0.113.2 table 77; ip rule add iif uplink lookup 77": (
        "ip rule add pref 32764 to 10.88.0.0/24 lookup main"
    ),
    "ip -6 route add fd00::/8 dev lo table 77; ip -6 rule add lookup 77 pref 1": (
        "ip -6 rule del pref 1"
    ),
    "ip rule del pref 32766": "ip rule add pref 32766 lookup main",
    "ip rule del pref 0": "ip rule add pref 0 lookup local",
    "ip address add 10.88.0.2/32 dev uplink": "ip address del 10.88.0.2/32 dev uplink",
    "ip -6 address add fd88::2/64 dev uplink nodad": "ip -6 address del fd88::2/64 dev uplink",
    "ip route add local 10.88.0.2 dev lo table local": (
        "ip route del local 10.88.0.2/32 table local"
    ),
}
