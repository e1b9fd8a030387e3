"""``mynetctl ipam import`` and ``mynetctl ipam export``."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from mynet.cli import files
from mynet.cli.client import Session
from mynet.cli.commands.completion import subnet_cidrs
from mynet.cli.options.shared import backend_option, command
from mynet.cli.output import render
from mynet.cli.visible import visible_json

_HOST_LOCAL = "host-local"
_FORMATS = {
    "mynet": "SUBNET_FORMAT_MYNET",
    "tutorial": "SUBNET_FORMAT_TUTORIAL",
    _HOST_LOCAL: "SUBNET_FORMAT_HOST_LOCAL",
}
_PATH = click.Path(readable=False, path_type=Path)  # mynet.cli.files reports unreadable ones
_format_option = click.option(
    "--format",
    "form",
    type=click.Choice(list(_FORMATS)),
    default="mynet",
    show_default=True,
    help="The format: mynet's JSON, the tutorial's bitmap, or the folder of CNI's host-local.",
)


@command("import")
@click.argument("path", type=_PATH)
@_format_option
@click.option(
    "--subnet",
    "subnets",
    multiple=True,
    metavar="SUBNET",
    help="With a folder of host-local: a subnet that its addresses belong to. May be repeated.",
)
@backend_option
@click.option("--validate-only", is_flag=True, help="Check everything and change nothing.")
def import_subnets(
    session: Session,
    *,
    path: Path,
    form: str,
    subnets: Sequence[str],
    **request: Any,
) -> None:
    """Import subnets and their allocations, all or nothing.

    PATH is a file, a folder of host-local, or "-" for standard input. Everything is checked before
    anything is changed. Importing twice has the same result as importing once.

    \b
    Examples:
      mynetctl ipam import addresses.json
      mynetctl ipam import --format tutorial subnet.json --validate-only
      mynetctl ipam import --format host-local --subnet 10.1.0.0/16 networks/web
    """
    request |= {"format": _FORMATS[form], "document": _document(path, form, subnets)}
    imported = session.call("IPAMService.ImportSubnets", request)["subnets"]
    rows = ((subnet["subnet"], subnet["allocations"]) for subnet in imported)
    table = render.table(("SUBNET", "ALLOCATIONS"), rows)
    render.show(session.output, {"subnets": imported}, table)


@command("export")
@click.argument(
    "subnet", required=False, default="", metavar="[SUBNET]", shell_complete=subnet_cidrs
)
@_format_option
@click.option(
    "--to",
    "target",
    type=_PATH,
    default="-",
    metavar="PATH",
    help="A file, or with host-local a folder. [default: standard output, as JSON]",
)
def export_subnets(session: Session, *, subnet: str, form: str, target: Path) -> None:
    """Export one subnet or all subnets, with their allocations.

    \b
    Examples:
      mynetctl ipam export > addresses.json
      mynetctl ipam export 10.9.0.0/24 --format tutorial --to subnet.json
      mynetctl ipam export 10.1.0.0/16 --format host-local --to networks/web
    """
    request = {"format": _FORMATS[form], "subnet": subnet}
    document = session.call("IPAMService.ExportSubnets", request)["document"]
    if str(target) == "-":
        click.echo(visible_json(document))
    elif form == _HOST_LOCAL:
        files.write_folder(target, json.loads(document)["files"])
    else:
        files.write(target, f"{document}\n")


def _document(path: Path, form: str, subnets: Sequence[str]) -> str:
    """Return the document to import. A folder of host-local becomes one JSON document."""
    if subnets and form != _HOST_LOCAL:
        raise click.UsageError(
            f"--subnet needs --format {_HOST_LOCAL}; documents in format {form} name their subnets"
        )
    if form == _HOST_LOCAL and path.is_dir() and not subnets:
        raise click.UsageError(
            f"the folder {path} does not name its subnets; give them with --subnet"
        )
    if not subnets:
        return files.read(path)
    return json.dumps({"subnets": list(subnets), "files": files.read_folder(path)})
