"""Claims about connect, disconnect and check."""

from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_address

from mynet.drivers.api import Sandbox
from mynet.drivers.errors import DriverError, SandboxNotFound
from mynet.drivers.testing.bench import (
    Bench,
    connected,
    only_driver_errors,
    require,
    require_whole,
    twice,
)
from mynet.drivers.testing.samples import SampleCall

_LINK_LOCAL = {4: ip_address("169.254.1.1"), 6: ip_address("fe80::1")}  # by IP version


def disconnect_succeeds_without_an_endpoint(bench: Bench) -> None:
    """Disconnect before create, before connect, and twice after connect."""
    network = bench.network()
    endpoint = bench.endpoint(network)
    twice(bench.driver.disconnect, endpoint)
    bench.create(network)
    twice(bench.driver.disconnect, endpoint)
    bench.connect(endpoint)
    twice(bench.driver.disconnect, endpoint)


def connect_twice_is_connect_once(bench: Bench) -> None:
    """Expect no differences after the first connect, nor after the second."""
    endpoint = connected(bench)
    require_whole(bench, endpoint)
    bench.connect(endpoint)
    require_whole(bench, endpoint)


def check_reports_a_disconnected_endpoint(bench: Bench) -> None:
    """Expect differences after disconnect, if the driver makes links."""
    endpoint = connected(bench)
    bench.driver.disconnect(SampleCall(), endpoint)
    problems = bench.driver.check(SampleCall(), endpoint)
    if bench.makes_links:
        require(problems, "check reports nothing of an endpoint that was disconnected")
    for problem in problems:
        require(problem.strip(), f"check returned {problem!r}, which is not a sentence")


def disconnect_frees_both_names(bench: Bench) -> None:
    """Connect another endpoint under the same names, three times."""
    endpoint = connected(bench)
    for round_number in range(3):
        bench.driver.disconnect(SampleCall(), endpoint)
        endpoint = replace(endpoint, id=f"again-{round_number}")
        bench.connect(endpoint)
        require_whole(bench, endpoint)
    bench.driver.disconnect(SampleCall(), endpoint)


def disconnect_succeeds_without_the_network(bench: Bench) -> None:
    """Disconnect after delete, as when a network is deleted by force."""
    endpoint = connected(bench)
    bench.driver.delete(SampleCall(), endpoint.network)
    twice(bench.driver.disconnect, endpoint)


def connect_refuses_a_sandbox_that_is_gone(bench: Bench) -> None:
    """Expect SandboxNotFound of connect, and no exception of check and disconnect."""
    network = bench.network()
    lost = Sandbox("/proc/0/ns/net", 1)
    endpoint = replace(bench.endpoint(network), sandbox=lost, gateways=())
    bench.create(network)
    with only_driver_errors():
        try:
            bench.connect(endpoint)
        except SandboxNotFound:
            pass
        else:
            require(not bench.makes_links, "connect made a link in a sandbox that does not exist")
    bench.driver.check(SampleCall(), endpoint)
    twice(bench.driver.disconnect, endpoint)


def living_names_only_connected_endpoints(bench: Bench) -> None:
    """Ask about an endpoint before connect, and after disconnect; nothing is changed meanwhile."""
    endpoint = bench.endpoint(bench.network())
    missing = set(bench.driver.living(SampleCall(), [endpoint]))
    require(not missing, f"living returned {missing} before connect")
    bench.create(endpoint.network)
    bench.connect(endpoint)
    others = set(bench.driver.living(SampleCall(), [endpoint])) - {endpoint.id}
    require(not others, f"living returned {others}, which were not given")
    require_whole(bench, endpoint)
    bench.driver.disconnect(SampleCall(), endpoint)
    left = set(bench.driver.living(SampleCall(), [endpoint]))
    require(not left, f"living returned {left} after disconnect")


def endpoint_notes_are_sentences(bench: Bench) -> None:
    """Ask about an endpoint before and after connect; nothing is changed."""
    endpoint = bench.endpoint(bench.network())
    before = list(bench.driver.endpoint_notes(SampleCall(), endpoint))
    bench.create(endpoint.network)
    bench.connect(endpoint)
    for note in (*before, *bench.driver.endpoint_notes(SampleCall(), endpoint)):
        require(note.strip(), f"endpoint_notes returned {note!r}, which is not a sentence")
    require_whole(bench, endpoint)


def connect_without_the_network_raises_only_driver_errors(bench: Bench) -> None:
    """Connect before create, and disconnect whatever connect made."""
    endpoint = bench.endpoint(bench.network())
    with only_driver_errors(), suppress(DriverError):
        bench.connect(endpoint)
    twice(bench.driver.disconnect, endpoint)


def a_gateway_may_be_outside_its_subnet_or_missing(bench: Bench) -> None:
    """Connect to a network with link-local gateways, and to an internal one without any."""
    network = bench.network()
    for outside in (True, False):
        subnets = tuple(
            replace(subnet, gateway=_LINK_LOCAL[subnet.cidr.version] if outside else None)
            for subnet in network.subnets
        )
        changed = replace(network, subnets=subnets, internal=not outside)
        endpoint = bench.endpoint(changed)
        bench.create(changed)
        bench.connect(endpoint)
        require_whole(bench, endpoint)
        bench.driver.disconnect(SampleCall(), endpoint)
        bench.driver.delete(SampleCall(), changed)
