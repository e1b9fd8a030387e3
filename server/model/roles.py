"""The table [roles] of the configuration: what the principals of TLS listeners may do."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mynet.server.model.callers import Role
from mynet.server.model.scopes import EVERYTHING, Scope

_KEYS = ("role", "networks", "labels")
_ROLE_NAMES = tuple(role.name.lower() for role in Role if role)


@dataclass(frozen=True, slots=True)
class Grant:
    """What one principal may do, and with which networks."""

    role: Role
    scope: Scope = EVERYTHING


@dataclass(frozen=True, slots=True)
class Roles:
    """The grants by principal. The daemon looks a caller up for each call."""

    grants: Mapping[str, Grant] = field(default_factory=dict)

    def first(self, names: Iterable[str]) -> tuple[str, Grant] | None:
        """Return the first of some names that has a grant, with the grant."""
        return next(((name, self.grants[name]) for name in names if name in self.grants), None)


def parse_roles(table: object) -> Roles:
    """Parse [roles], as TOML gives it. Raises ValueError with a sentence for each fault."""
    faults: list[str] = []
    lines: Mapping[str, object] = table if isinstance(table, dict) else {}
    if lines is not table:
        faults.append("roles is a table, [roles], with a line for each principal")
    grants = {name: _grant(name, value, faults) for name, value in lines.items()}
    if faults:
        raise ValueError("; ".join(faults))
    return Roles(grants)


def _grant(name: str, value: object, faults: list[str]) -> Grant:
    """Return the grant of one line, and add what is wrong with the line to ``faults``."""
    line = f"roles.{name!r}"
    if not name:
        faults.append("a principal of [roles] has no name")
    table = value if isinstance(value, dict) else {"role": value}
    if unknown := sorted(table.keys() - {*_KEYS}):
        faults.append(f"{line} has unknown keys {', '.join(unknown)}; known are {', '.join(_KEYS)}")
    role = table.get("role")
    if not isinstance(role, str) or role not in _ROLE_NAMES:
        faults.append(f"{line}: the role is one of {', '.join(_ROLE_NAMES)}, not {role!r}")
        role = _ROLE_NAMES[0]
    scope = Scope(
        _names(line, table.get("networks"), faults), _labels(line, table.get("labels"), faults)
    )
    return Grant(Role[role.upper()], scope)


def _names(line: str, value: object, faults: list[str]) -> tuple[str, ...]:
    """Return the patterns of a line. An empty list is a fault, as it could mean all or none."""
    if value is None:
        return ()
    if not isinstance(value, list) or not value or not all(_is_text(item) for item in value):
        faults.append(f'{line}: networks is a list of names or patterns, such as ["ci-*"]')
        return ()
    return tuple(value)


def _labels(line: str, value: object, faults: list[str]) -> Mapping[str, str]:
    if value is None:
        return {}
    if (
        not isinstance(value, dict)
        or not value
        or not all(isinstance(item, str) for item in value.values())
    ):
        faults.append(f'{line}: labels is a table of texts, such as {{ team = "ci" }}')
        return {}
    return dict(value)


def _is_text(item: object) -> bool:
    return isinstance(item, str) and bool(item)
