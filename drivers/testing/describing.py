"""Claims about what a driver says of itself."""

from collections.abc import Callable, Sequence
from contextlib import closing

from mynet.drivers.api import API_VERSION, NetworkRequest
from mynet.drivers.testing.bench import Bench, require


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
    answers = bench.driver.info.contradictions(NetworkRequest({}))
    require(answers == {}, f"of a network without options, contradictions says {answers}")
    answers = bench.driver.info.endpoint_contradictions({})
    require(answers == {}, f"of an endpoint without options, contradictions says {answers}")


CLAIMS: Sequence[Callable[[Bench], None]] = (
    info_is_the_same_every_time,
    options_are_named_and_described,
    changes_and_contradictions_are_said_in_sentences,
)
