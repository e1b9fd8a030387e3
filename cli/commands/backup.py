"""``mynetctl backup``."""

import itertools
from pathlib import Path

import click

from mynet.cli import files
from mynet.cli.client import Session, fields_of
from mynet.cli.options.shared import command
from mynet.cli.output import render


@command("backup")
@click.argument("file", type=click.Path(readable=False, path_type=Path))
def backup(session: Session, *, file: Path) -> None:
    """Back up all state of mynetd to FILE.

    FILE is created here, where mynetctl runs, and must not exist yet. Calls continue during the
    backup. To restore it, stop mynetd and run `mynetd restore FILE`.

    \b
    Examples:
      mynetctl backup /srv/mynet.backup
      mynetctl backup /srv/mynet-$(date +%F).backup
    """
    answers = session.stream("NetworkService.Backup", {})
    first = next(answers)
    parts = [first.data]
    first.ClearField("data")
    result = {name: value for name, value in fields_of(first).items() if name != "data"}
    files.create(file, itertools.chain(parts, (answer.data for answer in answers)))
    text = f"{file}: {result['size_bytes']} bytes, revision {result['revision']}"
    render.show(session.output, result, [text])
