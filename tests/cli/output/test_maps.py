"""``mynetctl ipam map``: the drawings of subnets of all sizes."""

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any

import pytest
from click import unstyle
from hypothesis import given
from hypothesis import strategies as st

from mynet.cli.output import subnet_map
from tests.cli.support.samples import Counts, answer


def drawn(response: Mapping[str, Any], *, unicode: bool = True) -> str:
    """Return a drawing without colours and without its head of three lines."""
    lines = [unstyle(line) for line in subnet_map.draw(response, unicode=unicode)]
    return "\n".join(lines[3:])


def golden(text: str) -> str:
    """Return the number at the end of each bar."""
    return "\n".join(line.partition("|")[2] for line in text.strip().splitlines())


def spread(first: str, *counts: int, part: int) -> Counts:
    """Return parts with these counts of allocated addresses, from a first address on."""
    step = ip_network(f"{first}/{part}")
    start, size = step.network_address, step.num_addresses
    return {f"{start + number * size}/{part}": (count, 0) for number, count in enumerate(counts)}


def test_the_head_has_the_subnet_s_network_and_usage() -> None:
    response = answer("10.9.0.0/24", {}, network="blue", range="10.9.0.128/25")
    lines = [unstyle(line) for line in subnet_map.draw(response, unicode=True)]
    assert lines[:3] == [
        "10.9.0.0/24   network blue   range 10.9.0.128/25",
        "1 allocated   2 reserved   3 cooling   4 free",
        "",
    ]


# --- address by address -----------------------------------------------------------------------


def test_a_24_is_drawn_address_by_address() -> None:
    parts = {"10.9.0.1/32": (1, 0), "10.9.0.64/32": (1, 0), "10.9.0.254/32": (1, 0)}
    assert drawn(answer("10.9.0.0/24", parts)) == golden("""
        |  10.9.0.0 -#..............................................................
        | 10.9.0.64 #...............................................................
        |10.9.0.128 ................................................................
        |10.9.0.192 ..............................................................#-
        |
        |# allocated  - never handed out  . free
    """)


def test_a_26_with_addresses_in_every_state() -> None:
    reserved = ["192.168.100.200-192.168.100.203", "192.168.100.203", "192.168.100.208/30"]
    parts = {"192.168.100.193/32": (1, 0), "192.168.100.194/32": (0, 1)}
    parts |= {"192.168.100.201/32": (1, 0)}  # reserved after it was allocated
    assert drawn(answer("192.168.100.192/26", parts, reserved=reserved)) == golden("""
        |192.168.100.192 -#~.....x#xx....xxxx...........................................-
        |
        |# allocated  ~ cooling  x reserved  - never handed out  . free
    """)


@pytest.mark.parametrize(
    ("cidr", "signs"),
    [
        ("10.0.0.0/30", "-#.-"),
        ("10.0.0.0/31", ".#"),
        ("10.0.0.1/32", "#"),
        ("fd00::/126", "-#.."),
        ("fd00::/127", ".#"),
        ("fd00::1/128", "#"),
    ],
)
def test_the_smallest_subnets_show_all_their_addresses(cidr: str, signs: str) -> None:
    longest = ip_network(cidr).max_prefixlen
    first = "10.0.0.1/32" if longest == 32 else "fd00::1/128"
    response = answer(cidr, {first: (1, 0)}, longest)
    assert drawn(response).splitlines()[0] == f"{cidr.partition('/')[0]} {signs}"


def test_long_addresses_have_shorter_lines() -> None:
    prefix = "2001:db8:1234:5678:9abc:def0:1234"
    response = answer(f"{prefix}:5600/122", {f"{prefix}:5621/128": (1, 0)}, 128)
    assert drawn(response) == golden("""
        |2001:db8:1234:5678:9abc:def0:1234:5600 -...............................
        |2001:db8:1234:5678:9abc:def0:1234:5620 .#..............................
        |
        |# allocated  - never handed out  . free
    """)


# --- as density -------------------------------------------------------------------------------


def test_a_16_is_drawn_as_its_24s() -> None:
    counts = spread("10.9.0.0", 255, 256, 224, 223, 128, 127, 32, 1, part=24)
    parts = {**counts, "10.9.64.0/24": (0, 1), "10.9.65.0/24": (1, 255)}
    reserved = ["10.9.128.0/23", "10.9.130.0-10.9.130.254", "10.9.192.0/25"]
    parts |= {"10.9.192.0/24": (64, 0), "10.9.193.0/24": (128, 0)}
    response = answer("10.9.0.0/16", parts, 24, reserved=reserved)
    assert drawn(response) == golden("""
        |  10.9.0.0 ██▇▆▄▃▁▁........................................................
        | 10.9.64.0 ~▁..............................................................
        |10.9.128.0 xx..............................................................
        |10.9.192.0 ▄▄..............................................................
        |
        |~ cooling  x reserved  . free
        |each character is a /24, and ▁▂▃▄▅▆▇█ is how much of it is allocated
    """)


def test_an_8_is_drawn_as_its_16s() -> None:
    response = answer("10.0.0.0/8", {"10.0.0.0/16": (1, 0), "10.255.0.0/16": (65535, 0)}, 16)
    assert drawn(response) == golden("""
        |  10.0.0.0 ▁...............................................................
        | 10.64.0.0 ................................................................
        |10.128.0.0 ................................................................
        |10.192.0.0 ...............................................................█
        |
        |. free
        |each character is a /16, and ▁▂▃▄▅▆▇█ is how much of it is allocated
    """)


def test_without_unicode_density_is_a_digit() -> None:
    counts = spread("10.9.0.0", 255, 256, 224, 223, 128, 127, 32, 1, part=24)
    lines = drawn(answer("10.9.0.0/16", counts, 24), unicode=False).splitlines()
    assert lines[0] == "  10.9.0.0 ##764311" + "." * 56
    assert lines[-2:] == [
        ". free",
        "each character is a /24, and 1234567# is how much of it is allocated",
    ]


def test_the_legend_explains_only_what_is_drawn() -> None:
    lines = drawn(answer("10.9.0.0/16", spread("10.9.0.0", *[1] * 256, part=24), 24)).splitlines()
    assert lines[3:] == [
        "10.9.192.0 " + "▁" * 64,
        "",
        "each character is a /24, and ▁▂▃▄▅▆▇█ is how much of it is allocated",
    ]


def test_the_level_of_a_part_ignores_reserved_addresses() -> None:
    reserved = ["10.9.0.0/25", "10.9.1.0/25", "10.9.1.0/26"]
    parts = spread("10.9.0.0", 127, 128, 128, 64, part=24)
    lines = drawn(answer("10.9.0.0/16", parts, 24, reserved=reserved)).splitlines()
    assert lines[0] == "  10.9.0.0 ▇█▄▂" + "." * 60


def test_an_ipv6_subnet_of_an_ipv4_one_s_size_is_drawn_like_it() -> None:
    response = answer("fd00:9::/112", {"fd00:9::/120": (128, 0), "fd00:9::ff00/120": (0, 1)}, 120)
    assert drawn(response) == golden("""
        |    fd00:9:: ▄...............................................................
        |fd00:9::4000 ................................................................
        |fd00:9::8000 ................................................................
        |fd00:9::c000 ...............................................................~
        |
        |~ cooling  . free
        |each character is a /120, and ▁▂▃▄▅▆▇█ is how much of it is allocated
    """)


# --- as pages ---------------------------------------------------------------------------------


def test_of_a_64_only_pages_with_allocations_are_drawn() -> None:
    parts = {
        "fd00:9::/116": (2048, 1),
        "fd00:9::1000/116": (4096, 0),
        "fd00:9::2000/116": (4094, 2),
        "fd00:9::ffff:ffff:ffff:f000/116": (0, 7),
    }
    response = answer("fd00:9::/64", parts, 116, reserved=["fd00:9::1-fd00:9::3ff"])
    assert drawn(response) == golden("""
        |                   fd00:9:: ################~xxxxxxx........ 2048
        |               fd00:9::1000 ################################ 4096
        |               fd00:9::2000 ###############################~ 4094
        |fd00:9::ffff:ffff:ffff:f000 ~...............................    0
        |
        |# allocated  ~ cooling  x reserved  . free
        |each line is a /116, and the number is how many of its addresses are allocated
    """)


def test_an_empty_64_says_so() -> None:
    response = answer("fd00:9::/64", {}, 116)
    assert drawn(response) == "no address is allocated or cooling down"


def test_thousands_of_pages_in_a_row_become_larger_ones() -> None:
    counts = spread("fd00:9::", *[4096] * 2048, part=116)
    lines = drawn(answer("fd00:9::/64", counts, 116)).splitlines()
    assert len(lines) == 64 + 3
    assert lines[0] == "    fd00:9:: ################################ 131072"
    assert lines[63] == "fd00:9::7e:0 ################################ 131072".rjust(len(lines[0]))
    assert lines[-1].startswith("each line is a /111, ")


def test_pages_far_from_each_other_become_parts_of_the_subnet() -> None:
    parts = {f"fd00:9:0:0:{number << 8:x}::/116": (1, 1) for number in range(256)}
    lines = drawn(answer("fd00:9::/64", parts, 116)).splitlines()
    assert len(lines) == 64 + 3
    assert lines[1] == " fd00:9:0:0:400:: #~.............................. 4"
    assert lines[-1].startswith("each line is a /70, ")


# --- whatever there is ------------------------------------------------------------------------


@st.composite
def answers(draw: st.DrawFn) -> dict[str, Any]:
    """Return any answer that a daemon may give to mynetctl."""
    bits = draw(st.sampled_from([32, 128]))
    prefixlen = draw(st.integers(0, bits))
    number = draw(st.integers(0, 2**bits - 1))
    subnet = ip_network((number.to_bytes(bits // 8, "big"), prefixlen), strict=False)
    asked = subnet_map.part_prefix_length(str(subnet)) or 116
    part = draw(st.integers(max(prefixlen, asked - 60), asked)) if asked == 116 else asked
    places = draw(st.lists(st.integers(0, subnet.num_addresses - 1), max_size=100))
    parts = {
        str(ip_network((int(subnet[place]).to_bytes(bits // 8, "big"), part), strict=False))
        for place in places
    }
    count = st.integers(0, 2 ** (bits - part))
    ends = sorted(draw(st.lists(st.integers(0, subnet.num_addresses - 1), max_size=8)))
    spans = zip(ends[::2], ends[1::2], strict=False)
    reserved = [f"{subnet[first]}-{subnet[last]}" for first, last in spans]
    counts = {cidr: (draw(count), draw(count)) for cidr in parts}
    return answer(str(subnet), counts, part, reserved=reserved)


@given(response=answers(), unicode=st.booleans())
def test_every_map_fits_a_terminal(*, response: Mapping[str, Any], unicode: bool) -> None:
    lines = drawn(response, unicode=unicode).splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 64 + 3
    assert unicode or all(line.isascii() for line in lines)
