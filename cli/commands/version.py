"""``mynetctl version``."""

from mynet.cli.client import Session
from mynet.cli.errors import Failed
from mynet.cli.options import command
from mynet.cli.output import render

_DISTRIBUTION = "mynetd"  # it contains the client, the daemon and the built-in plugins


@command("version")
def version(session: Session) -> None:
    """Print the versions of this client and of the daemon.

    `mynetctl --version` prints only the client's version and does not call the daemon.

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
        daemon = _daemon_version(session)
    except Failed:
        _show(session, client, {})
        raise
    _show(session, client, daemon)


def _daemon_version(session: Session) -> dict[str, str]:
    """Return the daemon's version, which is that of its built-in plugins' distribution."""
    drivers = session.call("NetworkService.ListDrivers", {})["drivers"]
    backends = session.call("IPAMService.ListBackends", {})["backends"]
    versions = {plugin["distribution"]: plugin["version"] for plugin in (*drivers, *backends)}
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
