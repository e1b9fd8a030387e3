"""Addresses outlive the daemon, and the daemon chooses subnets beside those of a real host."""

import signal
from ipaddress import ip_interface, ip_network
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from mynet.v1.ipam_pb2 import (
    AllocateAddressRequest,
    CreateSubnetRequest,
    ReleaseAddressRequest,
    Subnet,
)
from mynet.v1.network_pb2 import CreateNetworkRequest, Network
from tests.e2e.support.daemon import Daemon, refusal
from tests.e2e.support.namespace import talk
from tests.e2e.support.testbed import HOST, OUTSIDE, Sandbox, Testbed

SMALL = "10.9.0.0/30"  # 10.9.0.1 and 10.9.0.2
ENDS = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])


def end(daemon: Daemon, number: int) -> None:
    """End a daemon by a signal."""
    daemon.signal(number)
    daemon.wait()
    daemon.channel.close()


def automatic(daemon: Daemon, name: str) -> list[str]:
    """Create a network without subnets; return those that the daemon chose."""
    request = CreateNetworkRequest(network=Network(name=name))
    return [subnet.cidr for subnet in daemon.net.CreateNetwork(request).network.subnets]


def allocate(daemon: Daemon, **fields: str) -> str:
    request = AllocateAddressRequest(subnet=SMALL, **fields)  # type: ignore[arg-type]
    return daemon.ipam.AllocateAddress(request).allocation.address


def release(daemon: Daemon, address: str) -> None:
    daemon.ipam.ReleaseAddress(ReleaseAddressRequest(subnet=SMALL, address=address))


def retry_after(daemon: Daemon) -> float:
    """Return the seconds that a caller for any address is told to wait."""
    with pytest.raises(grpc.RpcError) as caught:
        allocate(daemon)
    error: Any = caught.value  # it is the call, too, which its type does not say
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    retry = error_details_pb2.RetryInfo()
    status = rpc_status.from_call(error)
    assert status
    assert any(detail.Unpack(retry) for detail in status.details)
    return float(retry.retry_delay.ToMilliseconds()) / 1000


# --- chosen subnets ---------------------------------------------------------------------------


def test_a_subnet_that_the_daemon_chose_is_beside_the_routes_of_a_vpn_and_carries_traffic(
    empty_testbed: Testbed,
) -> None:
    vpn = ("via", OUTSIDE[0], "table", "100")
    empty_testbed.run("ip", "route", "add", "10.192.0.0/16", *vpn)
    empty_testbed.run("ip", "route", "add", "10.193.0.0/24", "dev", "uplink")
    empty_testbed.run("ip", "address", "add", "10.193.1.9/24", "dev", "uplink", "noprefixroute")
    daemon = Daemon(empty_testbed)
    ipv4, ipv6 = automatic(daemon, "web")
    assert ipv4 == "10.193.2.0/24"
    assert ipv6.startswith("fd")
    one, two = (Sandbox(empty_testbed, name) for name in ("one", "two"))
    first = daemon.connect("one", network="web")
    second = daemon.connect("two", network="web")
    assert first.addresses[0] == "10.193.2.2/24"
    assert daemon.problems(first) == []
    for address in second.addresses:
        bare = str(ip_interface(address).ip)
        assert one.pings(bare)
        assert talk(one, two, bare)
    assert [talk(one, empty_testbed.outside, address) for address in OUTSIDE] == list(HOST)
    assert automatic(daemon, "api")[0] == "10.193.3.0/24"


def test_the_ula_prefix_of_a_host_is_the_same_at_every_start(empty_testbed: Testbed) -> None:
    prefixes = set()
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGTERM):
        daemon = Daemon(empty_testbed)
        _, ipv6 = automatic(daemon, "web")
        prefixes.add(ip_network(ipv6).supernet(new_prefix=48))
        daemon.delete("web")
        end(daemon, number)
    assert len(prefixes) == 1


def test_other_pools_than_the_built_in_ones_may_be_given(empty_testbed: Testbed) -> None:
    daemon = Daemon(empty_testbed, "--default-address-pool", "base=172.30.0.0/24,size=25")
    assert automatic(daemon, "web") == ["172.30.0.0/25"]
    assert automatic(daemon, "api") == ["172.30.0.128/25"]
    request = CreateNetworkRequest(network=Network(name="third"))
    refused = refusal(daemon.net.CreateNetwork, request)
    assert (refused.code, refused.reason) == ("RESOURCE_EXHAUSTED", "POOLS_EXHAUSTED")
    daemon.stop()


# --- over a restart ---------------------------------------------------------------------------


@ENDS
def test_a_cooldown_goes_on_while_the_daemon_is_gone(empty_testbed: Testbed, number: int) -> None:
    daemon = Daemon(empty_testbed, "--default-cooldown", "3600")
    daemon.ipam.CreateSubnet(CreateSubnetRequest(subnet=Subnet(cidr=SMALL)))
    assert [allocate(daemon), allocate(daemon)] == ["10.9.0.1", "10.9.0.2"]
    release(daemon, "10.9.0.2")
    before = retry_after(daemon)
    end(daemon, number)
    again = Daemon(empty_testbed, "--default-cooldown", "3600")
    assert 3500 < retry_after(again) < before <= 3600
    assert allocate(again, address="10.9.0.2") == "10.9.0.2"
    release(again, "10.9.0.2")
    end(again, number)
    without = Daemon(empty_testbed, "--default-cooldown", "0")
    assert allocate(without) == "10.9.0.2"


@ENDS
def test_a_container_gets_its_addresses_back_from_the_next_daemon(
    empty_testbed: Testbed, number: int
) -> None:
    daemon = Daemon(empty_testbed)
    daemon.create("blue")
    for name in ("one", "two", "three"):
        Sandbox(empty_testbed, name)
    daemon.connect("three")
    first = daemon.connect("one")
    daemon.disconnect("one")
    end(daemon, number)
    again = Daemon(empty_testbed)
    other = again.connect("two")
    assert not set(other.addresses) & set(first.addresses)
    back = again.connect("one")
    assert (back.addresses, back.mac_address) == (first.addresses, first.mac_address)
    assert back.id != first.id
