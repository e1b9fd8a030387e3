"""``--publish``: its syntax, the request and the output."""

from typing import Any

import pytest

from mynet.cli.port_syntax import format_ports
from tests.cli.conftest import Ctl
from tests.cli.support.fake import FakeDaemon
from tests.cli.support.samples import ONE


def mapping(container: int, host: int = 0, **fields: Any) -> dict[str, Any]:
    asked = {"protocol": "PROTOCOL_TCP", "container_port": container, **fields}
    return {**asked, "host_port": host} if host else asked


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("80", mapping(80)),
        ("80/tcp", mapping(80)),
        ("80/UDP", mapping(80, protocol="PROTOCOL_UDP")),
        ("8080:80", mapping(80, 8080)),
        ("8080:80/sctp", mapping(80, 8080, protocol="PROTOCOL_SCTP")),
        (":80", mapping(80)),
        ("127.0.0.1:8080:80", mapping(80, 8080, host_ip="127.0.0.1")),
        ("127.0.0.1::80", mapping(80, host_ip="127.0.0.1")),
        ("0.0.0.0:8080:80", mapping(80, 8080, host_ip="0.0.0.0")),  # noqa: S104 - as written
        ("[::1]:8080:80", mapping(80, 8080, host_ip="::1")),
        ("[2001:db8::1]::80/udp", mapping(80, host_ip="2001:db8::1", protocol="PROTOCOL_UDP")),
        ("9000-9009", mapping(9000, count=10)),
        ("9000-9009:9000-9009", mapping(9000, 9000, count=10)),
        (
            "127.0.0.1:7000-7001:1-2/udp",
            mapping(1, 7000, count=2, host_ip="127.0.0.1", protocol="PROTOCOL_UDP"),
        ),
        ("9000-9000", mapping(9000)),
        ("65535:65535", mapping(65535, 65535)),
        ("localhost:8080:80", mapping(80, 8080, host_ip="localhost")),  # for the daemon to refuse
    ],
)
@pytest.mark.parametrize("flag", ["-p", "--publish"])
def test_the_syntax_becomes_a_port_mapping(
    ctl: Ctl, daemon: FakeDaemon, flag: str, written: str, asked: dict[str, Any]
) -> None:
    daemon.answer("Connect", {"endpoint": ONE})
    assert ctl("connect", flag, written, "blue", "one").status == 0
    assert daemon.asked == [
        ("Connect", {"network": "blue", "container_id": "one", "ports": [asked]})
    ]


@pytest.mark.parametrize(
    ("written", "wrong"),
    [
        ("", "is not [HOST_IP:]"),
        ("http", "is not [HOST_IP:]"),
        ("80:", "is not [HOST_IP:]"),
        ("80/", "is not [HOST_IP:]"),
        ("80/udp/tcp", "is not [HOST_IP:]"),
        ("-80", "is not [HOST_IP:]"),
        ("80-", "is not [HOST_IP:]"),
        ("::1:8080:80", "an IPv6 address in brackets"),
        ("[::1]80", "is not [HOST_IP:]"),
        ("127.0.0.1:80:80:80", "is not [HOST_IP:]"),
        ("0", "0 is not a port or an ascending range within 1-65535"),
        ("0:80", "0 is not a port or an ascending"),
        ("80-0", "80-0 is not a port or an ascending"),
        ("65536", "65536 is not a port or an ascending"),
        ("65530-65536", "65530-65536 is not a port or an ascending"),
        ("9009-9000", "9009-9000 is not a port or an ascending"),
        ("80/icmp", "icmp is not tcp, udp or sctp"),
        ("8000-8010:80", "has 11 ports of the host for 1 of the container"),
        ("8000:80-81", "has 1 ports of the host for 2 of the container"),
    ],
)
def test_an_invalid_port_is_wrong_usage(
    ctl: Ctl, daemon: FakeDaemon, written: str, wrong: str
) -> None:
    result = ctl("connect", "--publish", written, "blue", "one")
    assert result.status == 2
    assert wrong in result.err
    assert "--publish" in result.err
    assert daemon.asked == []


@pytest.mark.parametrize(
    ("port", "words"),
    [
        ({"host_port": 8080, "container_port": 80}, "8080->80/tcp"),
        ({"host_port": 53, "container_port": 5353, "protocol": "PROTOCOL_UDP"}, "53->5353/udp"),
        ({"host_ip": "127.0.0.1", "host_port": 1, "container_port": 2}, "127.0.0.1:1->2/tcp"),
        ({"host_ip": "::", "host_port": 1, "container_port": 2}, "[::]:1->2/tcp"),
        ({"host_port": 9000, "container_port": 9000, "count": 10}, "9000-9009->9000-9009/tcp"),
    ],
)
def test_a_port_is_printed_as_docker_does(port: dict[str, Any], words: str) -> None:
    whole = {"protocol": "PROTOCOL_TCP", "host_ip": "", "count": 1, **port}
    assert format_ports([whole]) == words
    assert format_ports([whole, whole]) == f"{words},{words}"
