"""Claims about info, options and contradictions."""

from contextlib import closing

from mynet.drivers.api import API_VERSION, NetworkRequest
from mynet.drivers.testing.bench import Bench, require


def info_never_changes(bench: Bench) -> None:
    """Expect the same info of each driver, with a name and this version of the contract."""
    info = bench.driver.info
    require(info == bench.driver.info, "info differs from one time to the next")
    with closing(bench.make()) as other:
        require(info == other.info, "info differs from one driver object to the next")
    require(info.name, "info.name is empty")
    require(
        info.api_version == API_VERSION,
        f"info.api_version is {info.api_version}, and the contract has version {API_VERSION}",
    )


def every_option_has_a_name_and_a_description(bench: Bench) -> None:
    """Expect unique names, descriptions, and a sentence or None of each check."""
    info = bench.driver.info
    for options in (info.options, info.endpoint_options):
        names = [option.name for option in options]
        require(len(names) == len(set(names)), f"an option is named twice: {names}")
    for option in (*info.options, *info.endpoint_options):
        require(option.description, f"option {option.name} has no description")
        answer = option.check("no value that any option takes")
        _require_sentence(answer, f"the check of option {option.name}")


def change_and_contradictions_answer_in_sentences(bench: Bench) -> None:
    """Expect a sentence or None of each change, and no contradictions without options."""
    for option in bench.driver.info.options:
        for before, after in ((None, "a value"), ("a value", None)):
            answer = option.change(before, after)
            _require_sentence(answer, f"the change of option {option.name}")
    answers = bench.driver.info.contradictions(NetworkRequest({}))
    require(answers == {}, f"for a network without options, contradictions returned {answers}")
    answers = bench.driver.info.endpoint_contradictions({})
    require(
        answers == {},
        f"for an endpoint without options, endpoint_contradictions returned {answers}",
    )


def _require_sentence(answer: object, verb: str) -> None:
    is_sentence = isinstance(answer, str) and answer
    require(answer is None or is_sentence, f"{verb} returned {answer!r}")
