"""Bringing books and host together, before the daemon serves.

Intents without their end first: Connect and CreateNetwork roll back, Disconnect and DeleteNetwork
roll forward. Both come to the same: what the record names is torn down. Then the ports of endpoints
that stand are held again, every driver restores the networks that stand, with these ports, and
endpoints whose sandbox is still there are made whole.
"""

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence

import structlog

from mynet.drivers.api import Driver
from mynet.server.call import Call
from mynet.server.core import Core
from mynet.server.model import Endpoint, EndpointState, Network, NetworkState
from mynet.server.store import Store

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_SECONDS = 60.0  # for each step; a plugin that hangs must not keep the daemon down for ever


def recover(store: Store, core: Core) -> Counter[str]:
    """Recover, and count what was done. A step that fails is logged, and the others go on."""
    done: Counter[str] = Counter()
    networks = {network.id: network for network in store.networks.all()}
    for endpoint in store.endpoints.all():
        network = networks[endpoint.network_id]
        if endpoint.state is EndpointState.READY and network.state is not NetworkState.DELETING:
            continue
        with _step(done, "endpoints removed", endpoint.id) as call:
            core.endpoints.tear_down(call, network, endpoint)
    for network in networks.values():
        if network.state is not NetworkState.READY:
            with _step(done, "networks removed", network.name) as call:
                core.networks.tear_down(call, network)
    for subnet in store.subnets.of_nobody():
        with _step(done, "subnets tidied", str(subnet.cidr)) as call:
            core.registry.tidy(call, subnet)
    endpoints = store.endpoints.all()
    for endpoint in endpoints:
        if endpoint.ports:
            with _step(done, "endpoints with ports", endpoint.id):
                done["ports lost"] += _hold(core, networks[endpoint.network_id], endpoint)
    standing = [each for each in networks.values() if each.state is NetworkState.READY]
    _restore(done, core, standing, endpoints)
    for endpoint in endpoints:
        with _step(done, "endpoints checked", endpoint.id) as call:
            network = networks[endpoint.network_id]
            done["endpoints restored"] += core.endpoints.restore(call, network, endpoint)
    log.info("recovered", **{what.replace(" ", "_"): count for what, count in done.items()})
    return done


def _hold(core: Core, network: Network, endpoint: Endpoint) -> int:
    """Hold an endpoint's ports again; what another program has taken meanwhile is only logged."""
    failures = core.endpoints.hold_ports(network, endpoint)
    for failure in failures:
        log.warning("port lost", endpoint=endpoint.id, reason=str(failure))
    return len(failures)


def _restore(
    done: Counter[str], core: Core, networks: Sequence[Network], endpoints: Sequence[Endpoint]
) -> None:
    """Let each driver bring its networks back; one that has none tidies what it may have left."""
    on: dict[str, list[Endpoint]] = {}
    for endpoint in endpoints:
        if endpoint.state is EndpointState.READY:
            on.setdefault(endpoint.network_id, []).append(endpoint)
    for driver in core.drivers.usable():
        own = [
            each.for_driver(on.get(each.id, ()))
            for each in networks
            if each.wish.driver == driver.name
        ]
        with _step(done, "drivers restored", driver.name) as call:
            driver.run(call, Driver.restore, own)


@contextlib.contextmanager
def _step(done: Counter[str], what: str, name: str) -> Iterator[Call]:
    try:
        yield Call.internal(_SECONDS)
        done[what] += 1
    except Exception:  # whatever it is, its record stays, and the next start tries again
        done["failures"] += 1
        log.exception("recovery step failed", step=what, name=name)
