"""Claims about what a driver sees: what others do, what is damaged, what no record knows."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import chain

from mynet.drivers.api import ExpectedState
from mynet.drivers.testing.bench import Bench, connected, require, twice
from mynet.drivers.testing.samples import SampleCall


def conditions_are_of_networks_that_were_asked_about(bench: Bench) -> None:
    """Told in words, whether or not the network is there, and the network is as it was."""
    there, missing = bench.network(1), bench.network(2)
    bench.create(there)
    found = bench.driver.conditions(SampleCall(), [there, missing])
    strangers = found.keys() - {there.id, missing.id}
    require(not strangers, f"conditions are told of {strangers}, which were not asked about")
    for condition in chain.from_iterable(found.values()):
        require(condition.problem and condition.remedy, f"{condition} is not said in words")
    problems = bench.driver.check_network(SampleCall(), there)
    require(not problems, f"after a look at its conditions, network {there.name}: {problems}")


def a_survey_names_what_is_damaged(bench: Bench) -> None:
    """By a driver that notices damage: nothing of what stands, and all that was taken away."""
    if not bench.watches:
        return
    endpoint = connected(bench)
    network = replace(endpoint.network, endpoints=(endpoint,))
    for missing in ((), (endpoint.id,), (network.id, endpoint.id)):
        if endpoint.id in missing:
            bench.driver.disconnect(SampleCall(), endpoint)
        if network.id in missing:
            bench.driver.delete(SampleCall(), endpoint.network)
        found = set(bench.driver.survey(SampleCall(), [network]))
        require(found == set(missing), f"survey says {found} where {set(missing)} are missing")


def orphans_are_what_no_record_knows(bench: Bench) -> None:
    """Nothing that is known is one; all others can be discarded, twice, and are gone then."""
    endpoint = connected(bench)
    network = endpoint.network.id
    orphans = list(bench.driver.orphans(SampleCall(), {network, endpoint.id}))
    require(not orphans, f"orphans are listed although their records are known: {orphans}")
    for orphan in bench.driver.orphans(SampleCall(), {network}):
        require(
            orphan.id == endpoint.id, f"{orphan} is not of the endpoint, which alone is unknown"
        )
        require(orphan.name, f"{orphan} has no name")
        twice(bench.driver.discard, orphan)
    orphans = list(bench.driver.orphans(SampleCall(), {network}))
    require(not orphans, f"orphans are left that were discarded: {orphans}")


def an_audit_finds_nothing_amiss_with_what_is_on_record(bench: Bench) -> None:
    """Whether it has to be there or may be: asked of a driver that has made nothing itself."""
    endpoint = connected(bench)
    network = replace(endpoint.network, endpoints=(endpoint,))
    with closing(bench.make()) as other:
        for expected in (ExpectedState([network]), ExpectedState([], [network])):
            found = list(other.audit(SampleCall(), expected))
            require(not found, f"of {expected}, which is all that there is, the audit says {found}")


CLAIMS: Sequence[Callable[[Bench], None]] = (
    conditions_are_of_networks_that_were_asked_about,
    a_survey_names_what_is_damaged,
    orphans_are_what_no_record_knows,
    an_audit_finds_nothing_amiss_with_what_is_on_record,
)
