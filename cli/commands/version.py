"""``mynetctl version``."""

from mynet.cli.client import Session
from mynet.cli.options.shared import command
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
    details = f"Python {client['python']}, grpcio {client['grpcio']}"
    rows = [("mynetctl", client["version"], details)]
    daemon = None
    try:
        daemon = _daemon_version(session)
        rows.append(("mynetd", daemon["version"], daemon["address"]))
    finally:
        table = render.table(("PROGRAM", "VERSION", "DETAILS"), rows)
        render.show(session.output, {"client": client, "daemon": daemon}, table)


def _daemon_version(session: Session) -> dict[str, str]:
    """Return the daemon's version, which is that of its built-in plugins' distribution."""
    drivers = session.call("NetworkService.ListDrivers", {})["drivers"]
    backends = session.call("IPAMService.ListBackends", {})["backends"]
    versions = {plugin["distribution"]: plugin["version"] for plugin in (*drivers, *backends)}
    return {"version": versions.get(_DISTRIBUTION, ""), "address": session.target.address}
