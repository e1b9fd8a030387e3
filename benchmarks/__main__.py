"""Run benchmarks, print their results and write a table and a plot of them.

Usage: ``python -m benchmarks [NAME...]``.
"""

import sys
import tempfile
from pathlib import Path

import click

from benchmarks import (  # noqa: F401 - importing registers them
    connect,
    ipam_book,
    ipam_grpc,
    ipam_peers,
    recovery,
    report,
    scale,
    traffic,
)
from benchmarks.measure import BENCHMARKS, Line

ROOT = Path(__file__).parents[1]


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(sorted(BENCHMARKS)))
@click.option("--output", type=click.Path(path_type=Path), default=ROOT / "build" / "bench")
def main(names: tuple[str, ...], output: Path) -> None:
    """Run the named benchmarks, or all."""
    results: dict[str, list[Line]] = {}
    for name in names or BENCHMARKS:
        click.echo(f"\n{name}: {(BENCHMARKS[name].__doc__ or '').strip()}")
        results[name] = []
        # On the project's disk, because a commit on a tmpfs costs nothing.
        with tempfile.TemporaryDirectory(dir=_scratch()) as folder:
            for line in BENCHMARKS[name](Path(folder)):
                results[name].append(line)
                goal = f"   ({line.goal})" if line.goal else ""
                click.echo(f"  {line.what:55} {line.value:12,.2f} {line.unit}{goal}")
                sys.stdout.flush()
    for path in report.write(results, output):
        click.echo(f"written: {path}")


def _scratch() -> Path:
    scratch = ROOT / "build"
    scratch.mkdir(exist_ok=True)
    return scratch


if __name__ == "__main__":
    main()
