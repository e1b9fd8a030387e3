"""``mynetctl doctor``."""

import click

from mynet.cli.client import Session
from mynet.cli.options import command
from mynet.cli.output import render


@command("doctor")
@click.option("--repair", is_flag=True, help="Repair what can be repaired.")
def doctor(session: Session, *, repair: bool) -> None:
    """Check the records of mynetd and the kernel.

    The command compares mynetd's databases with each other and with the kernel. Without --repair
    nothing is changed. The command also reports other programs on the host that block a network,
    such as a firewall that drops its packets. It prints the commands that fix this, for root to
    run. The exit status is 0 if everything is in order or was repaired, and 1 if a problem is left.

    \b
    Examples:
      mynetctl doctor
      mynetctl doctor --repair
    """
    findings = session.call("NetworkService.Doctor", {"repair": repair})["findings"]
    left = [finding for finding in findings if not finding["repaired"]]
    if session.output == "json":
        render.document({"findings": findings})
    else:
        for finding in findings:
            state = "repaired" if finding["repaired"] else "found"
            click.echo(f"{state}: {finding['object']}: {finding['problem']} {finding['remedy']}")
            render.lines(render.indented(finding["commands"]))
        click.echo(_summary(len(findings), len(left)))
        if not repair and any(not finding["commands"] for finding in findings):
            click.echo("Nothing was changed. To repair: mynetctl doctor --repair")
    if left:
        raise click.exceptions.Exit(1)


def _summary(count: int, left: int) -> str:
    if not count:
        return "All is well."
    return f"{count} found, {count - left} repaired, {left} left."
