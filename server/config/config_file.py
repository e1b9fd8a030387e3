"""The daemon's configuration file: options as keys, and the table [roles]."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from mynet.server.errors import CannotStart
from mynet.server.model.roles import Roles, parse_roles

_ROLES = "roles"


def read_options(path: Path, known: Mapping[str, click.Parameter]) -> dict[str, object]:
    """Return the options of a file. Raises click.BadParameter with all faults of the file.

    An unknown key is refused, and so is a value of another type than the option's, which click
    would convert.
    """
    values = _load(path)
    faults = [*_faults(values, known)]
    try:
        parse_roles(values.pop(_ROLES, {}))
    except ValueError as error:
        faults.append(str(error))
    if faults:
        raise click.BadParameter(f"{path}: {'; '.join(faults)}")
    return values


def read_roles(path: Path | None) -> Roles:
    """Return the roles of a file, none without a file. Raises CannotStart."""
    if path is None:
        return Roles()
    try:
        return parse_roles(_load(path).get(_ROLES, {}))
    except click.BadParameter as error:
        raise CannotStart(error.message) from error
    except ValueError as error:
        raise CannotStart(f"{path}: {error}") from error


def _load(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise click.BadParameter(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise click.BadParameter(f"{path} cannot be read as TOML: {error}") from error


def _faults(values: Mapping[str, object], known: Mapping[str, click.Parameter]) -> Iterator[str]:
    """Yield what is wrong with the options of a file."""
    if unknown := sorted(values.keys() - known.keys() - {_ROLES}):
        names = ", ".join((*sorted(known), f"[{_ROLES}]"))
        yield f"unknown keys {', '.join(unknown)}; known are {names}"
    for key in sorted(values.keys() & known.keys()):
        if expected := _expected_type(known[key], values[key]):
            yield f"{key} is {expected}, not {values[key]!r}"


def _expected_type(option: click.Parameter, value: object) -> str:
    """Return which type an option's value must have, or "" where it has that type."""
    if option.multiple:
        fits = isinstance(value, list) and value and all(isinstance(item, str) for item in value)
        return "" if fits else "a list of texts"
    if isinstance(option, click.Option) and option.is_flag:
        return "" if isinstance(value, bool) else "true or false"
    if isinstance(option.type, click.IntRange):
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        return "" if is_whole else "a whole number"
    if isinstance(option.type, click.FloatRange):
        fits = isinstance(value, int | float) and not isinstance(value, bool)
        return "" if fits else "a number"
    return "" if isinstance(value, str) else "a text"
