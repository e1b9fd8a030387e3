"""Networks, what surrounds them on a host, and the conditions that the driver reports of it."""

from collections.abc import Sequence
from dataclasses import replace

from mynet.drivers.api import Condition, Network
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.linux.fake.kernel import FakeKernel
from mynet.drivers.linux.values.host_firewalls import Chain, Surroundings
from mynet.drivers.testing import SampleCall, sample_network

BLUE = replace(sample_network(), name="blue", interface="br-blue")
ONLY_IPV4, ONLY_IPV6 = (replace(BLUE, subnets=(subnet,)) for subnet in BLUE.subnets)
INTERNAL = replace(BLUE, internal=True)
APART = replace(BLUE, options={"icc": "false"})


def conditions(driver: BridgeDriver, network: Network) -> Sequence[Condition]:
    return driver.conditions(SampleCall(), [network])[network.id]


def around(kernel: FakeKernel, *chains: Chain, **others: object) -> None:
    kernel.firewall.surroundings = replace(Surroundings(chains), **others)  # type: ignore[arg-type]
