"""Claims about conditions, survey, orphans and audit."""

from contextlib import closing
from dataclasses import replace
from itertools import chain

from mynet.drivers.api import ExpectedState
from mynet.drivers.testing.bench import Bench, connected, require, twice
from mynet.drivers.testing.samples import SampleCall


def conditions_names_only_the_given_networks(bench: Bench) -> None:
    """Ask about an existing and a missing network; neither is changed."""
    there, missing = bench.network(1), bench.network(2)
    bench.create(there)
    conditions = bench.driver.conditions(SampleCall(), [there, missing])
    others = conditions.keys() - {there.id, missing.id}
    require(not others, f"conditions returned {others}, which were not given")
    for condition in chain.from_iterable(conditions.values()):
        require(condition.problem and condition.remedy, f"{condition} lacks a sentence")
    problems = bench.driver.check_network(SampleCall(), there)
    require(not problems, f"after conditions, check_network reports: {problems}")


def survey_names_what_is_damaged(bench: Bench) -> None:
    """Survey whole networks, a missing endpoint and a missing network.

    Only a driver with the capability WATCH is tested.
    """
    if not bench.watches:
        return
    endpoint = connected(bench)
    network = replace(endpoint.network, endpoints=(endpoint,))
    for missing in ((), (endpoint.id,), (network.id, endpoint.id)):
        if endpoint.id in missing:
            bench.driver.disconnect(SampleCall(), endpoint)
        if network.id in missing:
            bench.driver.delete(SampleCall(), endpoint.network)
        damaged = set(bench.driver.survey(SampleCall(), [network]))
        require(damaged == set(missing), f"survey returned {damaged} instead of {set(missing)}")


def orphans_lists_only_objects_without_a_record(bench: Bench) -> None:
    """List no known object, discard each orphan twice, and list none afterwards."""
    endpoint = connected(bench)
    network = endpoint.network.id
    orphans = list(bench.driver.orphans(SampleCall(), {network, endpoint.id}))
    require(not orphans, f"orphans listed objects whose ids are known: {orphans}")
    for orphan in bench.driver.orphans(SampleCall(), {network}):
        require(orphan.id == endpoint.id, f"{orphan} is not the endpoint, the only unknown id")
        require(orphan.name, f"{orphan} has no name")
        twice(bench.driver.discard, orphan)
    orphans = list(bench.driver.orphans(SampleCall(), {network}))
    require(not orphans, f"orphans listed objects that were discarded: {orphans}")


def audit_accepts_what_is_on_record(bench: Bench) -> None:
    """Audit with a new driver; the network is expected once, and once unfinished."""
    endpoint = connected(bench)
    network = replace(endpoint.network, endpoints=(endpoint,))
    with closing(bench.make()) as other:
        for expected in (ExpectedState([network]), ExpectedState([], [network])):
            differences = list(other.audit(SampleCall(), expected))
            require(not differences, f"audit reports {differences}; expected: {expected}")
