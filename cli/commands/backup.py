"""``mynetctl backup``: all that the daemon remembers, in one file."""

from pathlib import Path

import click

from mynet.cli.client import Session
from mynet.cli.options import command
from mynet.cli.output import render


@command("backup")
@click.argument("file", type=click.Path(readable=False, path_type=Path))
def backup(session: Session, *, file: Path) -> None:
    """Have mynetd write a backup of all that it remembers to FILE.

    FILE is made by mynetd, on its host, and must not be there yet. Calls go on meanwhile. Bring it
    back with `mynetd restore FILE`, while mynetd is not running.

    \b
    Examples:
      mynetctl backup /srv/mynet.backup
      mynetctl backup /srv/mynet-$(date +%F).backup
    """
    made = session.call("NetworkService.Backup", {"path": str(file.absolute())})
    if session.output == "json":
        render.document(made)
    else:
        click.echo(f"{file}: {made['size_bytes']} bytes, revision {made['revision']}")
