"""Call the kernel's methods in a process that lacks a capability, and print the outcomes.

test_privilege.py starts it on a host with a bridge and an endpoint. Its arguments are the path and
the cookie of the endpoint's sandbox.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

from mynet.drivers.api import DriverContext, PortProtocol, Sandbox
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.errors import DriverError
from mynet.drivers.linux.kernel import LinuxKernel
from mynet.drivers.linux.values.desired import NetworkRules
from mynet.drivers.linux.values.endpoint_rules import EndpointRules
from mynet.drivers.linux.values.ports import Forward
from mynet.drivers.testing import SampleCall, sample_endpoint, sample_network

CALL = SampleCall()


def calls(sandbox: Sandbox) -> dict[str, Callable[[], object]]:
    """Return calls by name, each of which has something to do."""
    kernel = LinuxKernel()
    driver = BridgeDriver(DriverContext("test", Path("/tmp")), kernel)  # noqa: S108 - not used
    network, second = sample_network(), sample_network(2)
    endpoint = sample_endpoint(network, sandbox=sandbox)
    veth, bridge = driver._specs.veth(endpoint), driver._specs.bridge(network)
    rules = NetworkRules("br-x", masquerade=[ip_network("10.7.0.0/24")])
    target = ip_address("198.18.1.2")
    forwards = EndpointRules("web", [Forward(PortProtocol.UDP, None, 53, target, 53)])
    return {
        "identify": lambda: kernel.sandboxes.identify(sandbox.path),
        "exists": lambda: kernel.sandboxes.exists(sandbox),
        "free_name": lambda: kernel.sandboxes.free_name(sandbox, ["eth0"]),
        "has_device": lambda: kernel.links.has_device("lo"),
        "uplink_mtu": kernel.host.uplink_mtu,
        "ensure_bridge": lambda: kernel.links.ensure_bridge(driver._specs.bridge(second)),
        "ensure_bridge again": lambda: kernel.links.ensure_bridge(bridge),
        "is_taken": lambda: kernel.links.is_taken(bridge),
        "attach": lambda: kernel.links.attach(driver._specs.veth(sample_endpoint(network, 2))),
        "attach again": lambda: kernel.links.attach(replace(veth, sandbox=None)),
        "attach inside": lambda: kernel.links.attach(veth),
        "inspect": lambda: kernel.links.inspect(replace(veth, sandbox=None)),
        "inspect inside": lambda: kernel.links.inspect(veth),
        "firewall.load": lambda: kernel.firewall.load("i", [rules]),
        "firewall.add": lambda: kernel.firewall.add("i", rules),
        "firewall.remove": lambda: kernel.firewall.remove(rules),
        "firewall.add_endpoint": lambda: kernel.firewall.add_endpoint("i", forwards),
        "firewall.remove_endpoint": lambda: kernel.firewall.remove_endpoint(forwards),
        "detach": lambda: kernel.links.detach([veth]),
        "attach inside anew": lambda: kernel.links.attach(veth),
        "delete_bridge": lambda: kernel.links.delete_bridge(bridge),
    }


def outcome(call: Callable[[], object]) -> dict[str, str]:
    try:
        call()
    except DriverError as error:
        return {"error": type(error).__name__, "message": str(error), **error.metadata}
    return {"error": ""}


if __name__ == "__main__":
    named = calls(Sandbox(sys.argv[1], int(sys.argv[2])))
    json.dump({name: outcome(call) for name, call in named.items()}, sys.stdout)
