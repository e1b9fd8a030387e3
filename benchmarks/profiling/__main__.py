"""Print where the daemon's CPU time goes: ``python -m benchmarks.profiling``.

Each phase runs three times: alone, for CPU time and hand-overs; under strace, for system calls; and
under py-spy, for the modules.
"""

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click

from benchmarks.__main__ import scratch
from benchmarks.profiling import samples
from benchmarks.profiling.counters import Usage, system_calls, usage
from benchmarks.profiling.load import Load, loaded

_COUNTED = ("commits", "fdatasyncs", "netlink datagrams")


@click.command()
@click.option("--sandboxes", default=100, show_default=True, help="Calls of each kind.")
@click.option("--ports", default=1, show_default=True, help="Ports that each one publishes.")
@click.option("--callers", default=1, show_default=True, help="Calls at the same time.")
@click.option(
    "--modules", default=20, show_default=True, help="Modules to list, the busiest first."
)
def main(*, sandboxes: int, ports: int, callers: int, modules: int) -> None:
    """Profile a daemon on a host of its own. It needs root, strace and py-spy."""
    with (
        tempfile.TemporaryDirectory(dir=scratch()) as folder,
        loaded(Path(folder), sandboxes, ports, callers) as load,
    ):
        load.warm_up()
        pid = load.daemon.pid
        used: dict[str, Usage] = {}
        for name, phase in load.phases().items():
            before = usage(pid)
            phase()
            used[name] = usage(pid).since(before)
        counted = {
            name: system_calls(pid, Path(folder), phase) for name, phase in load.phases().items()
        }
        for name, phase in load.phases().items():
            found = samples.sampled(pid, Path(folder), phase)
            click.echo(f"\n{name}: {_summary(load, used[name], counted[name])}")
            for line in _shares(found, used[name].seconds / sandboxes * 1e3, modules):
                click.echo(line)


def _summary(load: Load, used: Usage, counted: Counter[str]) -> str:
    """Return the numbers of a phase for each sandbox."""
    milliseconds, kernel = (
        seconds / load.sandboxes * 1e3 for seconds in (used.seconds, used.system)
    )
    costs = "".join(f", {counted[what] / load.sandboxes:.2f} {what}" for what in _COUNTED)
    return (
        f"{milliseconds:.2f} ms of CPU for each, {kernel:.2f} of them in the kernel{costs},"
        f" {used.switches / load.sandboxes:.1f} hand-overs"
    )


def _shares(found: Counter[str], milliseconds: float, modules: int) -> Iterator[str]:
    """Yield the lines of the folders and of the busiest modules, with their shares of the time."""
    for counted in (_folders(found), found):
        yield ""
        for name, count in counted.most_common(modules):
            share = count / found.total()
            yield f"  {share:6.1%} {share * milliseconds:8.3f} ms  {name}"


def _folders(found: Counter[str]) -> Counter[str]:
    folders: Counter[str] = Counter()
    for module, count in found.items():
        folders["/".join(module.split("/")[:2])] += count
    return folders


if __name__ == "__main__":
    main()
