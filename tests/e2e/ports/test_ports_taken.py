"""A port of the host that is taken: the refusal names its holder, or another port is chosen."""

import pytest

from mynet.v1.network_pb2 import PortMapping
from tests.e2e.support.daemon import Daemon, connect, refusal
from tests.e2e.support.published_ports import CHOSEN, MANY, WEB, program


@pytest.mark.usefixtures("blue", "one", "two")
def test_the_holder_of_a_port_is_named(daemon: Daemon) -> None:
    holder = daemon.connect("one", ports=[WEB])
    before = daemon.everything()
    refused = refusal(daemon.net.Connect, connect("two", ports=[WEB]))
    assert (refused.code, refused.reason) == ("ALREADY_EXISTS", "PORT_IN_USE")
    assert f"endpoint {holder.id[:12]} of container one" in refused.message
    with program(daemon.testbed, 22) as pid:
        asked = PortMapping(host_port=22, container_port=22)
        refused = refusal(daemon.net.Connect, connect("two", ports=[CHOSEN, asked]))
        assert (refused.code, refused.reason) == ("ALREADY_EXISTS", "PORT_IN_USE")
        assert f"(pid {pid})" in refused.message
    assert daemon.everything() == before


@pytest.mark.usefixtures("blue", "one", "two")
def test_ports_are_chosen_where_the_kernel_chooses(daemon: Daemon) -> None:
    ipv4 = "/proc/sys/net/ipv4"
    settings = f"cat {ipv4}/ip_local_port_range {ipv4}/ip_local_reserved_ports"
    before = daemon.testbed.run("sh", "-c", settings).splitlines()
    try:
        daemon.testbed.run("sh", "-c", f"echo 50000 50003 >{ipv4}/ip_local_port_range")
        daemon.testbed.run("sh", "-c", f"echo 50001-50002 >{ipv4}/ip_local_reserved_ports")
        with program(daemon.testbed, 50000):
            (port,) = daemon.connect("one", ports=[CHOSEN]).ports
            assert port.host_port == 50003
            refused = refusal(daemon.net.Connect, connect("two", ports=[CHOSEN]))
            assert (refused.code, refused.reason) == ("RESOURCE_EXHAUSTED", "PORTS_EXHAUSTED")
    finally:
        daemon.testbed.run("sh", "-c", f"echo {before[0]} >{ipv4}/ip_local_port_range")
        daemon.testbed.run("sh", "-c", f"echo {before[1]} >{ipv4}/ip_local_reserved_ports")


@pytest.mark.usefixtures("blue", "one")
def test_a_publication_beyond_the_limit_of_descriptors_is_refused_before_it_begins(
    daemon: Daemon,
) -> None:
    testbed, before = daemon.testbed, daemon.everything()
    limits = testbed.run("cat", f"/proc/{daemon.pid}/limits").splitlines()
    (soft, hard) = next(line.split()[3:5] for line in limits if line.startswith("Max open files"))
    assert soft == hard
    testbed.run("prlimit", f"--pid={daemon.pid}", "--nofile=300:")
    try:
        refused = refusal(daemon.net.Connect, connect("one", ports=[MANY]))
    finally:
        testbed.run("prlimit", f"--pid={daemon.pid}", f"--nofile={soft}:")
    assert (refused.code, refused.reason) == ("RESOURCE_EXHAUSTED", "PORTS_EXHAUSTED")
    assert daemon.everything() == before
