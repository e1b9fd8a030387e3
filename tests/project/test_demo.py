"""make demo, the first command of a newcomer."""

from collections.abc import Callable


def test_the_demo_works_and_does_not_change_this_host_s_network(run: Callable[..., str]) -> None:
    links, rules = run("ip", "-brief", "link"), run("nft", "list", "ruleset")
    assert "All steps succeeded." in run("examples/demo")
    assert (run("ip", "-brief", "link"), run("nft", "list", "ruleset")) == (links, rules)
