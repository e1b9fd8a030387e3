"""``mynetctl doctor``."""

from collections.abc import Iterator
from typing import Any

import click

from mynet.cli.client import Session
from mynet.cli.options.shared import command
from mynet.cli.output import render


@command("doctor")
@click.option("--repair", is_flag=True, help="Repair what can be repaired.")
@click.option("--probe", is_flag=True, help="Send packets from endpoints, and say where they end.")
def doctor(session: Session, *, repair: bool, probe: bool) -> None:
    """Check the records of mynetd and the kernel.

    The command compares mynetd's databases with each other and with the kernel. Without --repair
    nothing is changed. The command also reports other programs on the host that block a network,
    such as a firewall that drops its packets. It prints the commands that fix this, for root to
    run. With --probe, mynetd sends real packets from two endpoints of each network at most: to each
    other, to the gateways, and to the next hop of the host's default route. The exit status is 0 if
    everything was looked at and is in order or was repaired, and 1 otherwise.

    \b
    Examples:
      mynetctl doctor
      mynetctl doctor --repair
      mynetctl doctor --probe
    """
    asked = {"repair": repair, "probe": probe}
    answer = session.call("NetworkService.Doctor", asked)
    if session.output == "json":
        render.document(answer)
    else:
        for finding in answer["findings"]:
            state = "repaired" if finding["repaired"] else "found"
            said = f"{state}: {finding['object']}: {finding['problem']} {finding['remedy']}"
            render.lines([said, *render.indented(finding["commands"])])
        render.lines(map(_probe_line, answer["probes"]))
        render.lines(f"not looked at: {words}" for words in answer["unexamined"])
        render.lines(f"note: {words}" for words in answer["notes"])
        render.lines(_summary(answer))
        if not repair and any(not finding["commands"] for finding in answer["findings"]):
            click.echo("Nothing was changed. To repair: mynetctl doctor --repair")
    if _left(answer) or answer["unexamined"] or not _all_answered(answer):
        raise click.exceptions.Exit(1)


def _probe_line(probe: dict[str, Any]) -> str:
    """Return, for example, ``probe: eth0 at 10.1.0.2 on network web to gateway 10.1.0.1: ok``."""
    words = {"PROBE_STATE_ANSWERED": "answered", "PROBE_STATE_NOT_SENT": "not sent: "}
    state = words.get(probe["state"], "")
    return f"probe: {probe['source']} to {probe['target']}: {state}{probe['reason']}"


def _left(answer: dict[str, Any]) -> int:
    return sum(not finding["repaired"] for finding in answer["findings"])


def _all_answered(answer: dict[str, Any]) -> bool:
    return all(probe["state"] == "PROBE_STATE_ANSWERED" for probe in answer["probes"])


def _summary(answer: dict[str, Any]) -> Iterator[str]:
    """Yield what is said at the end. "All is well" needs a look at everything."""
    found, left = len(answer["findings"]), _left(answer)
    if found:
        yield f"{found} found, {found - left} repaired, {left} left."
    if omitted := answer["omitted_findings"]:
        yield f"{omitted} more are not listed; repair these, and look again."
    if probes := answer["probes"]:
        states = [probe["state"] for probe in probes]
        answered = states.count("PROBE_STATE_ANSWERED")
        sent = len(states) - states.count("PROBE_STATE_NOT_SENT")
        yield f"{sent} packets sent, {answered} answered."
    if unexamined := len(answer["unexamined"]):
        yield f"{unexamined} not looked at."
    if not found and not unexamined and _all_answered(answer):
        yield "All is well."
