"""Claims about published ports. Only a driver with the capability PORTS is tested."""

from dataclasses import replace

from mynet.drivers.testing.bench import Bench, connected, require_problems, require_whole, twice
from mynet.drivers.testing.samples import SampleCall, sample_ports


def connect_publishes_ports_and_check_reports_missing_ones(bench: Bench) -> None:
    """Check before connect publishes the ports, while they are published, and after disconnect."""
    if not bench.publishes:
        return
    without = connected(bench)
    endpoint = replace(without, ports=sample_ports())
    require_problems(bench, endpoint, "check reports nothing of ports that were never published")
    bench.connect(endpoint)
    bench.connect(endpoint)
    require_whole(bench, endpoint)
    twice(bench.driver.disconnect, endpoint)
    bench.connect(without)
    require_problems(bench, endpoint, "ports are still published after disconnect")


def update_endpoint_changes_the_published_ports(bench: Bench) -> None:
    """Update to more ports, to fewer and to none, twice each; disconnect ends all of them."""
    if not bench.publishes:
        return
    without = connected(bench)
    few, many = (replace(without, ports=sample_ports()[:n]) for n in (1, None))
    for before, after in ((without, few), (few, many), (many, few), (few, without)):
        twice(bench.driver.update_endpoint, after)
        require_whole(bench, after)
        if len(before.ports) > len(after.ports):
            require_problems(bench, before, "update_endpoint without ports leaves them published")
    bench.driver.update_endpoint(SampleCall(), few)
    twice(bench.driver.disconnect, few)
    bench.connect(without)
    require_problems(bench, few, "ports that update_endpoint published outlive the endpoint")


def restore_publishes_only_the_given_ports(bench: Bench) -> None:
    """Restore a network without its endpoint's ports, and then with them."""
    if not bench.publishes:
        return
    endpoint = replace(connected(bench), ports=sample_ports())
    bench.connect(endpoint)
    bench.driver.restore(SampleCall(), [endpoint.network])
    require_problems(bench, endpoint, "ports are still published after restore without them")
    bench.driver.restore(SampleCall(), [replace(endpoint.network, endpoints=(endpoint,))])
    require_whole(bench, endpoint)
