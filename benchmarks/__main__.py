"""Run benchmarks, print their results and write a table and a plot of them.

Usage: ``python -m benchmarks [--history] [NAME...]``. Each run is appended to
benchmarks/history.jsonl. With ``--history`` it measures nothing and prints the last runs.
"""

import sys
import tempfile
from pathlib import Path

import click

from benchmarks import (  # noqa: F401 - importing registers them
    connect,
    front,
    healing,
    history,
    recovery,
    report,
    scale,
)
from benchmarks.ipam import grpc, peers, store  # noqa: F401 - likewise
from benchmarks.measure import BENCHMARKS, Line
from benchmarks.packets import guard, port_clash, traffic  # noqa: F401 - likewise

ROOT = Path(__file__).parents[1]
SHOWN_RUNS = 5


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(sorted(BENCHMARKS)))
@click.option("--output", type=click.Path(path_type=Path), default=ROOT / "build" / "bench")
@click.option("--history", "past", is_flag=True, help="Print the figures of the last runs.")
def main(names: tuple[str, ...], output: Path, *, past: bool) -> None:
    """Run the named benchmarks, or all."""
    if past:
        for row in history.table(history.read(history.HISTORY)[-SHOWN_RUNS:], names):
            click.echo(row)
        return
    results: dict[str, list[Line]] = {}
    for name in names or BENCHMARKS:
        click.echo(f"\n{name}: {(BENCHMARKS[name].__doc__ or '').strip()}")
        results[name] = []
        # On the project's disk, because a commit on a tmpfs costs nothing.
        with tempfile.TemporaryDirectory(dir=scratch()) as folder:
            for line in BENCHMARKS[name](Path(folder)):
                results[name].append(line)
                goal = f"   ({line.goal})" if line.goal else ""
                click.echo(f"  {line.what:55} {line.value:12,.2f} {line.unit}{goal}")
                sys.stdout.flush()
    history.append(history.this_run(results), history.HISTORY)
    for path in (*report.write(results, output), history.HISTORY):
        click.echo(f"written: {path}")


def scratch() -> Path:
    """Return a folder on the project's disk for temporary files, and make it."""
    scratch = ROOT / "build"
    scratch.mkdir(exist_ok=True)
    return scratch


if __name__ == "__main__":
    main()
