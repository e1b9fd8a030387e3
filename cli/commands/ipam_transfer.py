"""``mynetctl ipam import`` and ``export``: addresses from elsewhere, and to there."""

import json
from collections.abc import Sequence
from pathlib import Path

import click

from mynet.cli import files
from mynet.cli.client import Session
from mynet.cli.commands.completion import subnet_cidrs
from mynet.cli.options import command
from mynet.cli.output import render

_HOST_LOCAL = "host-local"
_FORMATS = {
    "mynet": "SUBNET_FORMAT_MYNET",
    "tutorial": "SUBNET_FORMAT_TUTORIAL",
    _HOST_LOCAL: "SUBNET_FORMAT_HOST_LOCAL",
}
_PATH = click.Path(readable=False, path_type=Path)  # what may be read shows when it is
_format_option = click.option(
    "--format",
    "form",
    type=click.Choice(list(_FORMATS)),
    default="mynet",
    show_default=True,
    help="How it is written: mynet's JSON, the tutorial's bitmap, or CNI host-local's folder.",
)


@command("import")
@click.argument("path", type=_PATH)
@_format_option
@click.option(
    "--subnet",
    "subnets",
    multiple=True,
    metavar="SUBNET",
    help="With a folder of host-local, which does not say: a subnet that its addresses are in."
    " May be repeated.",
)
@click.option("--backend", default="", metavar="BACKEND", help="Who keeps them. [default: bitmap]")
@click.option("--validate-only", is_flag=True, help="Check everything and change nothing.")
def import_subnets(
    session: Session,
    *,
    path: Path,
    form: str,
    subnets: Sequence[str],
    backend: str,
    validate_only: bool,
) -> None:
    """Take in subnets and who has their addresses.

    PATH is a file, a folder of host-local's, or "-" for standard input. All or nothing, and checked
    before anything is changed. Importing twice is importing once.

    \b
    Examples:
      mynetctl ipam import addresses.json
      mynetctl ipam import --format tutorial subnet.json --validate-only
      mynetctl ipam import --format host-local --subnet 10.1.0.0/16 networks/web
    """
    request = {
        "format": _FORMATS[form],
        "document": _document(path, form, subnets),
        "validate_only": validate_only,
        "backend": backend,
    }
    found = session.call("IPAMService.ImportSubnets", request)["subnets"]
    if session.output == "json":
        render.document({"subnets": found})
    else:
        render.table(
            ("SUBNET", "ALLOCATIONS"), ((each["subnet"], each["allocations"]) for each in found)
        )


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
    """Write subnets and who has their addresses: one, or all.

    \b
    Examples:
      mynetctl ipam export > addresses.json
      mynetctl ipam export 10.9.0.0/24 --format tutorial --to subnet.json
      mynetctl ipam export 10.1.0.0/16 --format host-local --to networks/web
    """
    request = {"format": _FORMATS[form], "subnet": subnet}
    document = session.call("IPAMService.ExportSubnets", request)["document"]
    if str(target) == "-":
        click.echo(document)
    elif form == _HOST_LOCAL:
        files.write_folder(target, json.loads(document)["files"])
    else:
        files.write(target, f"{document}\n")


def _document(path: Path, form: str, subnets: Sequence[str]) -> str:
    """Read what is to be imported; host-local's folder becomes the document that is made of it."""
    if subnets and form != _HOST_LOCAL:
        raise click.UsageError(f"--subnet goes with --format {_HOST_LOCAL}; {form} has its own")
    if form == _HOST_LOCAL and path.is_dir() and not subnets:
        raise click.UsageError(f"{path} does not say which subnets it is of; --subnet does")
    if not subnets:
        return files.read(path)
    return json.dumps({"subnets": list(subnets), "files": files.read_folder(path)})
