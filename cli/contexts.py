"""Contexts: the daemons that a user calls by name. They are in a file of that user."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import click

from mynet.cli import files
from mynet.cli.errors import Failed
from mynet.cli.target import Target, make_target, parse_address

DEFAULT = "default"  # this host's daemon, which is always there
_FILES = ("tls_ca", "tls_cert", "tls_key")


@dataclass(frozen=True, slots=True)
class Contexts:
    """What the file contains."""

    # The name of the context that mynetctl uses.
    current: str = DEFAULT
    # The contexts by name, without the default one.
    targets: Mapping[str, Target] = field(default_factory=dict)

    def target(self, name: str) -> Target:
        """Return a context's target. Raises Failed."""
        if name == DEFAULT:
            return Target()
        if name not in self.targets:
            raise Failed(
                "CONTEXT_NOT_FOUND",
                f"there is no context {name!r}; mynetctl context ls shows all contexts",
            )
        return self.targets[name]


def config_path() -> Path:
    """Return the path of the file. Source: the XDG Base Directory Specification."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    folder = Path(base) if base.startswith("/") else Path("~/.config").expanduser()
    return folder / "mynet" / "contexts.json"


def load() -> Contexts:
    """Return the contexts of this user. Raises Failed if the file cannot be read."""
    path = config_path()
    if not path.exists():
        return Contexts()
    try:
        document = json.loads(files.read(path))
        targets = {str(name): _target(fields) for name, fields in document["contexts"].items()}
        return Contexts(str(document["current"]), targets)
    except (ValueError, LookupError, AttributeError, TypeError, click.UsageError) as error:
        raise Failed(
            "IO_ERROR", f"{path} has no contexts of mynetctl; mend it, or move it away: {error}"
        ) from error


def save(contexts: Contexts) -> None:
    """Replace the file. Only its owner may read it. Raises Failed."""
    contents = {name: target.fields() for name, target in contexts.targets.items()}
    document = {"current": contexts.current, "contexts": contents}
    path = config_path()
    files.replace_private(path, json.dumps(document, indent=2) + "\n")


def _target(fields: Mapping[str, str]) -> Target:
    paths = {name: Path(fields[name]) if fields[name] else None for name in _FILES}
    return make_target(parse_address(fields["address"]), paths)
