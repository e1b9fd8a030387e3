"""Networks and endpoints in the JSON form of the API."""

from collections.abc import Mapping
from typing import Any

BLUE_ID = "4aa980159bc11808182ab3941738f84e8b97c29776e366cd553d30bda4edf8b2"
RED_ID = "c3b4cb50244e10fdfe2af9235263258675cf2b37f3f0bd737970d797fd61ebc4"
ONE_ID = "fd061cadf97d0d22d635049faf4942f7afea377023574a8bb89f855004a9f444"
TWO_ID = "b1cdc4b0a7d1712d564fc522b92dd55632aeade6aefec58eae3b4072012ff282"

BLUE: dict[str, Any] = {
    "id": BLUE_ID,
    "name": "blue",
    "driver": "bridge",
    "ipam": "bitmap",
    "subnets": [
        {"cidr": "10.88.0.0/24", "gateway": "10.88.0.1"},
        {"cidr": "fd88::/64", "gateway": "fd88::1"},
    ],
    "mtu": 1500,
    "interface": "br-blue",
    "state": "NETWORK_STATE_READY",
    "endpoint_count": 2,
    "create_time": "2026-01-02T03:04:05Z",
    "revision": "3",
}
RED: dict[str, Any] = {
    "id": RED_ID,
    "name": "deep-red.1",
    "driver": "bridge",
    "subnets": [{"cidr": "10.3.0.0/24", "gateway": "10.3.0.1"}],
    "labels": {"team": "red"},
    "state": "NETWORK_STATE_DELETING",
}
ONE: dict[str, Any] = {
    "id": ONE_ID,
    "network": "blue",
    "network_id": BLUE_ID,
    "container_id": "one",
    "netns_path": "/run/netns/one",
    "interface": "eth0",
    "host_interface": "vethfd061cadf97",
    "addresses": ["10.88.0.2/24", "fd88::2/64"],
    "gateways": ["10.88.0.1", "fd88::1"],
    "mac_address": "02:00:f5:bf:d7:7c",
    "gateway_priority": 5,
    "mtu": 1500,
    "state": "ENDPOINT_STATE_READY",
    "create_time": "2026-01-02T03:04:05Z",
    "revision": "8",
    "ports": [
        {
            "protocol": "PROTOCOL_TCP",
            "host_ip": "",
            "host_port": 8080,
            "container_port": 80,
            "count": 1,
        },
        {
            "protocol": "PROTOCOL_UDP",
            "host_ip": "",
            "host_port": 53,
            "container_port": 53,
            "count": 1,
        },
    ],
}
TWO: dict[str, Any] = {
    **ONE,
    "id": TWO_ID,
    "container_id": "zwölf-容器",
    "interface": "cif-b1cdc4b0a7d",
    "addresses": ["10.88.0.3/24"],
    "mac_address": "02:57:8c:ae:5c:1e",
    "gateway_priority": 0,
    "ports": [],
    "state": "ENDPOINT_STATE_CONNECTING",
}

Counts = Mapping[str, tuple[int, int]]  # allocated and cooling, by part


def answer(cidr: str, parts: Counts, part: int = 32, **fields: Any) -> dict[str, Any]:
    """Return an answer to GetSubnetMap. The usage of the whole subnet is made up."""
    usage = {"allocated": "1", "reserved": "2", "cooling": "3", "free": "4"}
    subnet = {"cidr": cidr, "network": "", "range": "", "reserved": [], "usage": usage, **fields}
    return {
        "subnet": subnet,
        "part_prefix_length": part,
        "parts": [
            {"cidr": cidr, "allocated": str(allocated), "cooling": str(cooling)}
            for cidr, (allocated, cooling) in parts.items()
        ],
    }
