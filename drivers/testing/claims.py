"""The claims: each is a function of a bench, and its name is what it claims."""

import threading
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path

from mynet.drivers.api import API_VERSION, Asked, Ledger, NetworkUpdate, Sandbox
from mynet.drivers.errors import DriverError, SandboxNotFound
from mynet.drivers.testing.bench import (
    Bench,
    at_once,
    connected,
    only_driver_errors,
    require,
    require_whole,
    twice,
)
from mynet.drivers.testing.samples import SampleCall, sample_ports

_THREADS = 8
_ROUNDS = 8


def info_is_the_same_every_time(bench: Bench) -> None:
    """Its name is what users write, its version what the daemon was built for."""
    info = bench.driver.info
    require(info == bench.driver.info, "info differs from one time to the next")
    with closing(bench.make()) as other:
        require(info == other.info, "info differs from one driver object to the next")
    require(info.name, "info.name is empty")
    require(
        info.api_version == API_VERSION,
        f"info.api_version is {info.api_version}, and this daemon's is {API_VERSION}",
    )


def options_are_named_and_described(bench: Bench) -> None:
    """Each once, with words for ListDrivers, and a check that answers with a sentence or None."""
    info = bench.driver.info
    for options in (info.options, info.endpoint_options):
        names = [option.name for option in options]
        require(len(names) == len(set(names)), f"an option is named twice: {names}")
    for option in (*info.options, *info.endpoint_options):
        require(option.description, f"option {option.name} has no description")
        answer = option.check("no value that any option takes")
        require(
            answer is None or (isinstance(answer, str) and answer),
            f"the check of option {option.name} answered {answer!r}",
        )


def changes_and_contradictions_are_said_in_sentences(bench: Bench) -> None:
    """Or None, and an empty mapping where nothing was asked that could contradict anything."""
    for option in bench.driver.info.options:
        for before, after in ((None, "a value"), ("a value", None)):
            answer = option.change(before, after)
            require(
                answer is None or (isinstance(answer, str) and answer),
                f"asked for a change of option {option.name}, it answered {answer!r}",
            )
    answers = bench.driver.info.contradictions(Asked({}))
    require(answers == {}, f"of a network without options, contradictions says {answers}")
    answers = bench.driver.info.endpoint_contradictions({})
    require(answers == {}, f"of an endpoint without options, contradictions says {answers}")


def updating_twice_is_updating_once(bench: Bench) -> None:
    """Keep what is there, and make no endpoint that is not; one delete still ends it all."""
    endpoint = connected(bench)
    other = bench.endpoint(endpoint.network, 2)
    twice(bench.driver.update, NetworkUpdate(endpoint.network, (endpoint, other)))
    require_whole(bench, endpoint)
    problems = bench.driver.check(SampleCall(), other)
    require(problems or not bench.makes_links, "update made an endpoint that was not there")


def creating_twice_is_creating_once(bench: Bench) -> None:
    """And one delete ends it."""
    network = bench.network()
    bench.create(network)
    bench.create(network)
    bench.driver.delete(SampleCall(), network)


def deleting_what_is_gone_is_success(bench: Bench) -> None:
    """Before it was ever made, and twice after."""
    network = bench.network()
    twice(bench.driver.delete, network)
    bench.create(network)
    twice(bench.driver.delete, network)


def connecting_twice_is_connecting_once(bench: Bench) -> None:
    """After each of them the kernel is what the endpoint says."""
    endpoint = connected(bench)
    require_whole(bench, endpoint)
    bench.connect(endpoint)
    require_whole(bench, endpoint)


def disconnecting_what_is_gone_is_success(bench: Bench) -> None:
    """Before there was a network, before it was connected, and twice after."""
    network = bench.network()
    endpoint = bench.endpoint(network)
    twice(bench.driver.disconnect, endpoint)
    bench.create(network)
    twice(bench.driver.disconnect, endpoint)
    bench.connect(endpoint)
    twice(bench.driver.disconnect, endpoint)


def a_disconnected_endpoint_is_missed(bench: Bench) -> None:
    """By a driver that makes a link: check has sentences, as it must have eyes."""
    endpoint = connected(bench)
    bench.driver.disconnect(SampleCall(), endpoint)
    problems = bench.driver.check(SampleCall(), endpoint)
    if bench.makes_links:
        require(problems, "check finds nothing wrong with an endpoint that was disconnected")
    for problem in problems:
        require(problem.strip(), f"check answered {problem!r}, which is no sentence")


def names_are_free_after_disconnecting(bench: Bench) -> None:
    """Another endpoint takes them at once."""
    endpoint = connected(bench)
    for round_number in range(3):
        bench.driver.disconnect(SampleCall(), endpoint)
        endpoint = replace(endpoint, id=f"again-{round_number}")
        bench.connect(endpoint)
        require_whole(bench, endpoint)
    bench.driver.disconnect(SampleCall(), endpoint)


def ports_are_published_and_missed(bench: Bench) -> None:
    """By a driver with the capability: connecting publishes them, and check has eyes for them."""
    if not bench.publishes:
        return
    without = connected(bench)
    endpoint = replace(without, ports=sample_ports())
    problems = bench.driver.check(SampleCall(), endpoint)
    require(problems, "check finds nothing wrong with ports that were never published")
    bench.connect(endpoint)
    bench.connect(endpoint)
    require_whole(bench, endpoint)
    twice(bench.driver.disconnect, endpoint)
    bench.connect(without)
    problems = bench.driver.check(SampleCall(), endpoint)
    require(problems, "the ports of an endpoint that was disconnected are published still")


def updating_an_endpoint_changes_its_ports(bench: Bench) -> None:
    """To others, to none, and back; twice is once, and one disconnect still ends it all."""
    if not bench.publishes:
        return
    without = connected(bench)
    few, all_of_them = (replace(without, ports=sample_ports()[:n]) for n in (1, None))
    for before, after in ((without, few), (few, all_of_them), (all_of_them, few), (few, without)):
        twice(bench.driver.update_endpoint, after)
        require_whole(bench, after)
        if len(before.ports) > len(after.ports):
            problems = bench.driver.check(SampleCall(), before)
            require(problems, "ports that were taken away by update_endpoint are published still")
    bench.driver.update_endpoint(SampleCall(), few)
    twice(bench.driver.disconnect, few)
    bench.connect(without)
    problems = bench.driver.check(SampleCall(), few)
    require(problems, "ports that came by update_endpoint outlive the endpoint")


def restoring_publishes_the_ports_it_is_told_of(bench: Bench) -> None:
    """And no others: the endpoints come with their network."""
    if not bench.publishes:
        return
    endpoint = replace(connected(bench), ports=sample_ports())
    bench.connect(endpoint)
    bench.driver.restore(SampleCall(), [endpoint.network])
    problems = bench.driver.check(SampleCall(), endpoint)
    require(problems, "ports that restore was not told of are published still")
    bench.driver.restore(SampleCall(), [replace(endpoint.network, endpoints=(endpoint,))])
    require_whole(bench, endpoint)


def disconnecting_works_when_the_network_is_gone(bench: Bench) -> None:
    """Take away the endpoint after the network, as after a Delete with force."""
    endpoint = connected(bench)
    bench.driver.delete(SampleCall(), endpoint.network)
    twice(bench.driver.disconnect, endpoint)


def a_lost_sandbox_is_said_to_be_lost(bench: Bench) -> None:
    """Connect refuses, disconnect and check do without it."""
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
            require(not bench.makes_links, "connect made a link in a sandbox that is not there")
    bench.driver.check(SampleCall(), endpoint)
    twice(bench.driver.disconnect, endpoint)


def an_endpoint_without_its_network_fails_cleanly(bench: Bench) -> None:
    """Whatever connect then does, it raises a DriverError or nothing; disconnect undoes it."""
    endpoint = bench.endpoint(bench.network())
    with only_driver_errors(), suppress(DriverError):
        bench.connect(endpoint)
    twice(bench.driver.disconnect, endpoint)


def networks_outlive_the_driver(bench: Bench) -> None:
    """Find, check and end what the driver of an earlier daemon made."""
    endpoint = connected(bench)
    bench.driver.close()
    with closing(bench.make()) as again:
        again.restore(SampleCall(), [endpoint.network])
        problems = list(again.check(SampleCall(), endpoint))
        require(not problems, f"after a restart check says: {problems}")
        again.disconnect(SampleCall(), endpoint)
        again.delete(SampleCall(), endpoint.network)


def restoring_makes_what_is_not_there(bench: Bench) -> None:
    """As after a reboot; twice, and with nothing to restore."""
    network = bench.network()
    bench.networks.append(network)
    bench.driver.restore(SampleCall(), [])
    bench.driver.restore(SampleCall(), [network])
    bench.driver.restore(SampleCall(), [network])
    endpoint = bench.endpoint(network)
    bench.connect(endpoint)
    require_whole(bench, endpoint)


def a_network_that_was_made_is_whole(bench: Bench) -> None:
    """Until it is deleted, check_network has no sentence."""
    network = bench.network()
    bench.create(network)
    differences = list(bench.driver.check_network(SampleCall(), network))
    require(not differences, f"check_network says of a network that was made: {differences}")


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


def strays_are_what_no_record_knows(bench: Bench) -> None:
    """Nothing that is known is one; all others can be discarded, twice, and are gone then."""
    endpoint = connected(bench)
    network = endpoint.network.id
    strays = list(bench.driver.strays(SampleCall(), {network, endpoint.id}))
    require(not strays, f"strays are listed although their records are known: {strays}")
    for stray in bench.driver.strays(SampleCall(), {network}):
        require(stray.id == endpoint.id, f"{stray} is not of the endpoint, which alone is unknown")
        require(stray.name, f"{stray} has no name")
        twice(bench.driver.discard, stray)
    strays = list(bench.driver.strays(SampleCall(), {network}))
    require(not strays, f"strays are left that were discarded: {strays}")


def an_audit_finds_nothing_amiss_with_what_is_on_record(bench: Bench) -> None:
    """Whether it has to be there or may be: asked of a driver that has made nothing itself."""
    endpoint = connected(bench)
    network = replace(endpoint.network, endpoints=(endpoint,))
    with closing(bench.make()) as other:
        for ledger in (Ledger([network]), Ledger([], [network])):
            found = list(other.audit(SampleCall(), ledger))
            require(not found, f"of {ledger}, which is all that there is, the audit says {found}")


def closing_lets_go_of_descriptors_and_threads(bench: Bench) -> None:
    """Add up what is left of many drivers, each of which was used."""
    endpoint = bench.endpoint(bench.network())
    bench.networks.append(endpoint.network)
    bench.endpoints.append(endpoint)
    before = _open_descriptors(), threading.active_count()
    for _ in range(_ROUNDS):
        with closing(bench.make()) as driver:
            if bench.watches:
                driver.watch(SampleCall(), lambda _: None)
            driver.create(SampleCall(), endpoint.network)
            driver.connect(SampleCall(), endpoint)
            driver.disconnect(SampleCall(), endpoint)
            driver.delete(SampleCall(), endpoint.network)
    after = _open_descriptors(), threading.active_count()
    for what, old, new in zip(("file descriptors", "threads"), before, after, strict=True):
        require(new - old < _ROUNDS, f"{_ROUNDS} drivers were closed and left {new - old} {what}")


def many_threads_connect_at_once(bench: Bench) -> None:
    """To two networks, and they disconnect at once too."""
    networks = [bench.network(number) for number in (1, 2)]
    endpoints = [bench.endpoint(networks[number % 2], number) for number in range(1, _THREADS + 1)]
    at_once(bench.create, networks)
    at_once(bench.connect, endpoints)
    for endpoint in endpoints:
        require_whole(bench, endpoint)
    at_once(partial(bench.driver.disconnect, SampleCall()), endpoints)
    for endpoint in endpoints:
        problems = bench.driver.check(SampleCall(), endpoint)
        require(problems or not bench.makes_links, f"{endpoint.id} is still there")


# Those first that clearing away after the others relies on.
CLAIMS: Sequence[Callable[[Bench], None]] = (
    info_is_the_same_every_time,
    options_are_named_and_described,
    changes_and_contradictions_are_said_in_sentences,
    deleting_what_is_gone_is_success,
    creating_twice_is_creating_once,
    disconnecting_what_is_gone_is_success,
    connecting_twice_is_connecting_once,
    a_disconnected_endpoint_is_missed,
    names_are_free_after_disconnecting,
    ports_are_published_and_missed,
    updating_an_endpoint_changes_its_ports,
    disconnecting_works_when_the_network_is_gone,
    a_lost_sandbox_is_said_to_be_lost,
    an_endpoint_without_its_network_fails_cleanly,
    networks_outlive_the_driver,
    restoring_makes_what_is_not_there,
    restoring_publishes_the_ports_it_is_told_of,
    updating_twice_is_updating_once,
    a_network_that_was_made_is_whole,
    conditions_are_of_networks_that_were_asked_about,
    a_survey_names_what_is_damaged,
    strays_are_what_no_record_knows,
    an_audit_finds_nothing_amiss_with_what_is_on_record,
    closing_lets_go_of_descriptors_and_threads,
    many_threads_connect_at_once,
)


def _open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
