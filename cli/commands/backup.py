"""``mynetctl backup``."""

from pathlib import Path

import click

from mynet.cli.client import Session
from mynet.cli.options import command
from mynet.cli.output import render


@command("backup")
@click.argument("file", type=click.Path(readable=False, path_type=Path))
def backup(session: Session, *, file: Path) -> None:
    """Back up all state of mynetd to FILE.

    mynetd creates FILE on its host. FILE must not exist yet. Calls continue during the backup. To
    restore it, stop mynetd and run `mynetd restore FILE`.

    \b
    Examples:
      mynetctl backup /srv/mynet.backup
      mynetctl backup /srv/mynet-$(date +%F).backup
    """
    result = session.call("NetworkService.Backup", {"path": str(file.absolute())})
    text = f"{file}: {result['size_bytes']} bytes, revision {result['revision']}"
    render.show(session.output, result, [text])
