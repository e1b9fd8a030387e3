"""The results as a table in Markdown and as a plot."""

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measure import Line

Results = Mapping[str, Sequence[Line]]


def write(results: Results, folder: Path) -> tuple[Path, Path]:
    """Write both files into the folder, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    table, plot = folder / "benchmarks.md", folder / "benchmarks.svg"
    table.write_text(_table(results))
    _plot(results, plot)
    return table, plot


def _table(results: Results) -> str:
    now = datetime.now(UTC)
    head = (
        f"# Benchmarks, {now:%Y-%m-%d %H:%M} UTC\n\n"
        f"Linux {platform.release()}, {os.cpu_count()} CPUs, Python {platform.python_version()}."
        " Measured in one run, in turn: ratios are more reliable than single values.\n\n"
        "| what | measured | | should be | again with |\n|---|---:|---|---|---|\n"
    )
    rows = (
        f"| {line.what} | {line.value:,.{_digits(line.value)}f} | {line.unit} | {line.goal} |"
        f" `make bench ARGS={name}` |\n"
        for name, lines in results.items()
        for line in lines
    )
    return head + "".join(rows)


def _digits(value: float) -> int:
    return 0 if value >= 100 else 1 if value >= 10 else 2  # noqa: PLR2004 - three digits altogether


def _plot(results: Results, path: Path) -> None:
    """Draw a panel of bars for each benchmark and unit, on logarithmic axes."""
    import matplotlib as mpl  # noqa: PLC0415 - the import takes a second, and only this needs it

    mpl.use("svg")
    import matplotlib.pyplot as plt  # noqa: PLC0415

    panels: dict[tuple[str, str], list[Line]] = {}
    for name, lines in results.items():
        for line in lines:
            panels.setdefault((name, line.unit), []).append(line)
    heights = [len(lines) + 1.5 for lines in panels.values()]
    figure, axes = plt.subplots(
        len(panels),
        squeeze=False,
        figsize=(9, 0.32 * sum(heights) + 1),
        height_ratios=heights,
        layout="constrained",
    )
    for axis, ((name, unit), lines) in zip(axes.flat, panels.items(), strict=True):
        bars = axis.barh([line.what for line in lines], [line.value for line in lines])
        axis.bar_label(bars, fmt="{:,.3g}", padding=3)
        axis.invert_yaxis()
        axis.set_xscale("log")
        axis.margins(x=0.15)
        axis.set_title(f"{name} ({unit})", loc="left", fontsize=10)
    figure.savefig(path)
