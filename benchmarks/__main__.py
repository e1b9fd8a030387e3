"""Run benchmarks: ``python -m benchmarks [NAME...]``. Prints a table, and writes it with a plot."""

import sys
import tempfile
from pathlib import Path

import click

from benchmarks import (  # noqa: F401 - they register
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
    """Run the benchmarks named, or all of them."""
    results: dict[str, list[Line]] = {}
    for name in names or BENCHMARKS:
        click.echo(f"\n{name}: {(BENCHMARKS[name].__doc__ or '').strip()}")
        results[name] = []
        # On the disk that the project is on: a tmpfs would commit for nothing.
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
