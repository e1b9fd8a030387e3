"""``mynetctl topology``: its requests, and each drawing in full."""

import json
from typing import Any

import pytest

from tests.cli.conftest import Ctl, program
from tests.cli.support import samples
from tests.cli.support.fake import JSON, FakeDaemon, Refusal
from tests.cli.support.samples import BLUE, BLUE_ID, RED, RED_ID, TWO

ONE: dict[str, Any] = {**samples.ONE, "ports": []}
ON_RED: dict[str, Any] = {
    **ONE,
    "id": "9" * 64,
    "network": "deep-red.1",
    "network_id": RED_ID,
    "interface": "eth1",
    "addresses": ["10.3.0.2/24"],
}
APART: dict[str, Any] = {
    **BLUE,
    "id": "7" * 64,
    "name": "apart",
    "interface": "br-apart",
    "internal": True,
    "options": {"icc": "false", "gateway_mode_ipv6": "isolated"},
}

TREE = """\
blue   bridge   10.88.0.0/24 gateway 10.88.0.1, fd88::/64 gateway fd88::1
└── br-blue
    ├── one   eth0   10.88.0.2/24, fd88::2/64
    └── zwölf-容器   cif-b1cdc4b0a7d   10.88.0.3/24   connecting
deep-red.1   bridge   10.3.0.0/24 gateway 10.3.0.1   deleting
└── one   eth1   10.3.0.2/24
apart   bridge   10.88.0.0/24 gateway 10.88.0.1, fd88::/64 gateway fd88::1   internal   gateway_mode_ipv6=isolated, icc=false
└── br-apart
"""  # noqa: E501 - as it is drawn
DOT = r"""graph mynet {
  rankdir=LR
  n1 [shape=box, label="blue\nbr-blue\n10.88.0.0/24\nfd88::/64"]
  n2 [shape=box, label="deep-red.1\n10.3.0.0/24"]
  n3 [shape=box, label="apart\nbr-apart\n10.88.0.0/24\nfd88::/64"]
  c1 [shape=ellipse, label="one"]
  c2 [shape=ellipse, label="zwölf-容器"]
  n1 -- c1 [label="eth0\n10.88.0.2/24\nfd88::2/64"]
  n1 -- c2 [label="cif-b1cdc4b0a7d\n10.88.0.3/24"]
  n2 -- c1 [label="eth1\n10.3.0.2/24"]
}
"""
MERMAID = """\
flowchart LR
  n1["blue<br>br-blue<br>10.88.0.0/24<br>fd88::/64"]
  n2["deep-red.1<br>10.3.0.0/24"]
  n3["apart<br>br-apart<br>10.88.0.0/24<br>fd88::/64"]
  c1(["one"])
  c2(["zwölf-容器"])
  n1 ---|"eth0<br>10.88.0.2/24<br>fd88::2/64"| c1
  n1 ---|"cif-b1cdc4b0a7d<br>10.88.0.3/24"| c2
  n2 ---|"eth1<br>10.3.0.2/24"| c1
"""


@pytest.fixture
def host(daemon: FakeDaemon) -> FakeDaemon:
    """Return a daemon with three networks. One is empty, and a container is on the other two."""
    endpoints = [ONE, TWO, ON_RED]

    def of_network(request: JSON) -> JSON:
        wanted = request.get("network", "")
        selected = [end for end in endpoints if wanted in ("", end["network_id"])]
        return {"endpoints": selected}

    def find(request: JSON) -> JSON:
        for network in (BLUE, RED, APART):
            if request["network"] in (network["id"], network["name"]):
                return {"network": network}
        raise Refusal("NOT_FOUND", "NETWORK_NOT_FOUND", f"no network {request['network']}")

    daemon.answer("ListNetworks", {"networks": [BLUE, RED, APART]})
    daemon.answer("ListEndpoints", of_network)
    daemon.answer("GetNetwork", find)
    return daemon


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize(
    ("output", "drawing"),
    [
        ([], TREE),
        (["--output", "tree"], TREE),
        (["--output", "dot"], DOT),
        (["--output", "mermaid"], MERMAID),
    ],
    ids=["default", "tree", "dot", "mermaid"],
)
def test_networks_devices_and_endpoints_are_drawn(
    ctl: Ctl, output: list[str], drawing: str
) -> None:
    done = ctl("topology", *output)
    assert (done.status, done.out, done.err) == (0, drawing, "")


@pytest.mark.usefixtures("host")
def test_json_has_each_network_with_its_endpoints_as_the_api_has_them(ctl: Ctl) -> None:
    drawn = json.loads(ctl("topology", "--output", "json").out)["networks"]
    assert [network["id"] for network in drawn] == [BLUE_ID, RED_ID, APART["id"]]
    assert [[endpoint["id"] for endpoint in network["endpoints"]] for network in drawn] == [
        [ONE["id"], TWO["id"]],
        [ON_RED["id"]],
        [],
    ]
    listed = json.loads(ctl("--output", "json", "network", "ls").out)["networks"]
    assert [
        {key: network[key] for key in network if key != "endpoints"} for network in drawn
    ] == listed


@pytest.mark.usefixtures("host")
def test_output_before_the_command_and_in_the_environment_is_used(ctl: Ctl) -> None:
    as_json = ctl("topology", "--output", "json").out
    assert ctl("--output", "json", "topology").out == as_json
    assert ctl("topology", MYNET_OUTPUT="json").out == as_json
    assert ctl("--output", "table", "topology").out == TREE
    assert ctl("topology", "--output", "table").status == 2
    assert ctl("network", "ls", "--output", "dot").status == 2


def test_only_the_named_networks_are_requested_and_drawn(ctl: Ctl, host: FakeDaemon) -> None:
    done = ctl("topology", "apart", "deep-red.1", "apart")
    lines = TREE.splitlines(keepends=True)
    assert (done.status, done.out) == (0, "".join([*lines[6:], *lines[4:6]]))
    assert [verb for verb, _ in host.asked] == ["GetNetwork", "ListEndpoints"] * 2
    assert [request["network"] for verb, request in host.asked if verb == "ListEndpoints"] == [
        APART["id"],
        RED_ID,
    ]


@pytest.mark.usefixtures("host")
def test_the_others_are_drawn_if_a_network_is_not_found(ctl: Ctl) -> None:
    done = ctl("topology", "nope", "deep-red.1")
    assert done.status == 1
    assert done.out == "".join(TREE.splitlines(keepends=True)[4:6])
    assert done.err == "mynetctl: NETWORK_NOT_FOUND: no network nope\n"


@pytest.mark.parametrize(
    ("output", "drawing"),
    [
        ("tree", ""),
        ("dot", "graph mynet {\n  rankdir=LR\n}\n"),
        ("mermaid", "flowchart LR\n"),
        ("json", '{\n  "networks": []\n}\n'),
    ],
)
def test_without_networks_the_drawing_is_empty(ctl: Ctl, output: str, drawing: str) -> None:
    done = ctl("topology", "--output", output)
    assert (done.status, done.out) == (0, drawing)


def test_endpoints_are_requested_page_by_page(ctl: Ctl, daemon: FakeDaemon) -> None:
    many = [
        {
            **ONE,
            "container_id": f"c{number}",
            "addresses": [f"10.88.{number >> 8}.{number & 255}/16"],
        }
        for number in range(1200)
    ]
    daemon.answer("ListNetworks", {"networks": [BLUE]})
    daemon.answer(
        "ListEndpoints",
        {"endpoints": many[:1000], "next_page_token": "more"},
        {"endpoints": many[1000:]},
    )
    lines = ctl("topology").out.splitlines()
    assert lines[2:-1] == [
        f"    ├── {endpoint['container_id']}   eth0   {endpoint['addresses'][0]}"
        for endpoint in many[:-1]
    ]
    assert lines[-1] == "    └── c1199   eth0   10.88.4.175/16"
    pages = [request for verb, request in daemon.asked if verb == "ListEndpoints"]
    assert pages == [{"page_size": 1000}, {"page_size": 1000, "page_token": "more"}]


def test_an_endpoint_of_a_network_newer_than_the_list_is_left_out(
    ctl: Ctl, daemon: FakeDaemon
) -> None:
    daemon.answer("ListNetworks", {"networks": [BLUE]})
    daemon.answer("ListEndpoints", {"endpoints": [ON_RED, ONE]})
    assert ctl("topology").out.splitlines()[1:] == [
        "└── br-blue",
        "    └── one   eth0   10.88.0.2/24, fd88::2/64",
    ]


def test_a_terminal_without_unicode_gets_ascii(host: FakeDaemon) -> None:
    def printed(output: str) -> str:
        done = program(host, "topology", "--output", output, env={"PYTHONIOENCODING": "latin-1"})
        assert (done.returncode, done.stderr) == (0, b"")
        return done.stdout.decode("latin-1")

    assert printed("tree").splitlines()[1:4] == [
        "`-- br-blue",
        "    |-- one   eth0   10.88.0.2/24, fd88::2/64",
        r"    `-- zwölf-\u5bb9\u5668   cif-b1cdc4b0a7d   10.88.0.3/24   connecting",
    ]
    assert 'label="zw&#246;lf-&#23481;&#22120;"' in printed("dot")
    assert '(["zw#246;lf-#23481;#22120;"])' in printed("mermaid")


@pytest.mark.usefixtures("host")
def test_escape_sequences_in_names_are_not_printed(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("ListNetworks", {"networks": [{**BLUE, "options": {"a": "\x1b[2J"}}]})
    daemon.answer("ListEndpoints", {"endpoints": [{**ONE, "container_id": "one\n\x07"}]})
    for output in ("tree", "dot", "mermaid"):
        printed = ctl("topology", "--output", output).out
        assert [sign for sign in printed if not sign.isprintable() and sign != "\n"] == []
    assert r"one\n\x07   eth0" in ctl("topology").out


def test_published_ports_are_drawn_with_their_endpoint(ctl: Ctl, host: FakeDaemon) -> None:
    host.answer("ListEndpoints", {"endpoints": [samples.ONE, TWO]})
    assert ctl("topology", "blue").out.splitlines()[2:] == [
        "    ├── one   eth0   10.88.0.2/24, fd88::2/64",
        "    │   ├── 8080->80/tcp",
        "    │   └── 53->53/udp",
        "    └── zwölf-容器   cif-b1cdc4b0a7d   10.88.0.3/24   connecting",
    ]
    dot, mermaid = (
        ctl("topology", "blue", "--output", language).out for language in ("dot", "mermaid")
    )
    assert r'[label="eth0\n10.88.0.2/24\nfd88::2/64\n8080->80/tcp\n53->53/udp"]' in dot
    assert "fd88::2/64<br>8080-#62;80/tcp<br>53-#62;53/udp" in mermaid


def test_a_subnet_without_a_gateway_is_drawn_alone(ctl: Ctl, daemon: FakeDaemon) -> None:
    pair = {"id": "a" * 64, "name": "pair", "subnets": [{"cidr": "10.1.0.0/31"}]}
    daemon.answer("ListNetworks", {"networks": [pair]})
    drawn = ctl("topology").out
    assert "10.1.0.0/31" in drawn
    assert "gateway" not in drawn
