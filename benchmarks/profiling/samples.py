"""Samples of which code has Python's interpreter lock, by py-spy.

A sample counts for the module of mynet that runs, or that has called the library that runs.
"""

import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

_RATE = 500  # samples a second
_FRAME = re.compile(r"\((\S+\.py):\d+\)$")
_OWN = re.compile(r"(?:^|/)mynet/((?:server|drivers|ipam|v1)/.*)\.py$")
_PY_SPY = Path(sys.executable).with_name("py-spy")


def sampled(pid: int, folder: Path, function: Callable[[], None]) -> Counter[str]:
    """Return the samples of a process by module, while a function runs."""
    output = folder / "stacks"
    command: list[str | Path] = [
        *(_PY_SPY, "record", "--gil", "--full-filenames", "--format=raw", f"--rate={_RATE}"),
        *(f"--output={output}", f"--pid={pid}"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as recorder:
        assert recorder.stdout  # noqa: S101 - for the type checker
        recorder.stdout.readline()  # it has attached to the process
        function()
        recorder.send_signal(signal.SIGINT)
        recorder.communicate()
    return by_module(output.read_text())


def by_module(stacks: str) -> Counter[str]:
    """Return the samples by module, of stacks as py-spy writes them."""
    counted: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _, count = line.rpartition(" ")
        counted[_module(stack.split(";"))] += int(count)
    return counted


def _module(stack: list[str]) -> str:
    paths = [match[1] for frame in stack if (match := _FRAME.search(frame))]
    own = [match[1] for path in paths if (match := _OWN.search(path))]
    if own:
        return own[-1]
    libraries = [path.rpartition("site-packages/")[2] for path in paths if "site-packages" in path]
    return libraries[0].partition("/")[0] if libraries else "(Python itself)"
