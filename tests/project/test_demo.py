"""make demo, the first command of a newcomer."""

import os
import sys
from collections.abc import Callable
from pathlib import Path


def test_the_demo_works_and_does_not_change_this_host_s_network(run: Callable[..., str]) -> None:
    links, rules = run("ip", "-brief", "link"), run("nft", "list", "ruleset")
    assert "All steps succeeded." in run("examples/demo")
    assert (run("ip", "-brief", "link"), run("nft", "list", "ruleset")) == (links, rules)


def test_the_demo_works_for_an_ordinary_user(run: Callable[..., str], root: Path) -> None:
    """The user is root of a user namespace alone, and may not write to the clone."""
    program = root / "tests" / "project" / "support" / "ordinary_user.py"
    venv = os.path.relpath(sys.prefix, root)
    shown = run(
        *("unshare", "--mount", sys.executable, program, root, "make", "demo", f"VENV={venv}")
    )
    assert "All steps succeeded." in shown
