"""``mynetctl version``: what a report of a fault should begin with."""

from mynet.cli.client import Session
from mynet.cli.errors import Failed
from mynet.cli.options import command
from mynet.cli.output import render

_DISTRIBUTION = "mynetd"  # it brings the client, the daemon and the built-in plugins


@command("version")
def version(session: Session) -> None:
    """Print the versions of this client and of the daemon.

    `mynetctl --version` prints the client's alone, and asks no daemon.

    \b
    Examples:
      mynetctl version
      mynetctl version --output json
    """
    import platform
    from importlib.metadata import version as installed

    client = {
        "version": installed(_DISTRIBUTION),
        "python": platform.python_version(),
        "grpcio": installed("grpcio"),
    }
    try:
        daemon = _ask(session)
    except Failed:
        _show(session, client, {})
        raise
    _show(session, client, daemon)


def _ask(session: Session) -> dict[str, str]:
    """Ask the daemon, which says its version where it says who brings its plugins."""
    drivers = session.call("NetworkService.ListDrivers", {})["drivers"]
    backends = session.call("IPAMService.ListBackends", {})["backends"]
    versions = {each["distribution"]: each["version"] for each in (*drivers, *backends)}
    return {"version": versions.get(_DISTRIBUTION, ""), "address": session.address}


def _show(session: Session, client: dict[str, str], daemon: dict[str, str]) -> None:
    if session.output == "json":
        render.document({"client": client, "daemon": daemon or None})
        return
    rows = [
        ("mynetctl", client["version"], f"Python {client['python']}, grpcio {client['grpcio']}")
    ]
    if daemon:
        rows.append(("mynetd", daemon["version"], daemon["address"]))
    render.table(("PROGRAM", "VERSION", "DETAILS"), rows)
