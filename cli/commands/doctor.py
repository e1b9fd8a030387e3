"""The command ``mynetctl doctor``."""

import click

from mynet.cli.client import Session
from mynet.cli.options import command
from mynet.cli.output import render


@command("doctor")
@click.option("--repair", is_flag=True, help="Mend what can be mended; else nothing is changed.")
def doctor(session: Session, *, repair: bool) -> None:
    """Compare mynetd's books with each other and with the kernel.

    What others on the host do to networks is found too, such as a firewall that drops their
    packets: the lines below it are for root to run. The exit status is 0 where all is well, or was
    mended, and 1 where something is left.

    \b
    Examples:
      mynetctl doctor
      mynetctl doctor --repair
    """
    findings = session.call("NetworkService.Doctor", {"repair": repair})["findings"]
    if session.output == "json":
        render.document({"findings": findings})
    else:
        for found in findings:
            state = "repaired" if found["repaired"] else "found"
            click.echo(f"{state}: {found['object']}: {found['problem']} {found['remedy']}")
            render.lines(render.indented(found["commands"]))
        click.echo(_summary(len(findings), sum(not found["repaired"] for found in findings)))
        if not repair and any(not found["commands"] for found in findings):
            click.echo("Nothing was changed: mynetctl doctor --repair mends what can be mended.")
    if not all(found["repaired"] for found in findings):
        raise click.exceptions.Exit(1)


def _summary(number: int, left: int) -> str:
    if not number:
        return "All is well."
    return f"{number} found, {number - left} repaired, {left} left."
