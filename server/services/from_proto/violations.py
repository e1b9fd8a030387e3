"""Collecting all violations of a request, so that one error names them all."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from mynet.server.errors import InvalidArgument, Violation
from mynet.server.model.networks import MAX_LABELS
from mynet.server.services.from_proto import fields

T = TypeVar("T")


class Violations:
    """The violations of one request that were found so far."""

    def __init__(self) -> None:
        self._violations: list[Violation] = []

    def add(self, field: str, description: str) -> None:
        """Add a violation: the path of the field in the request, and what is wrong with it."""
        self._violations.append(Violation(field, description))

    def extend(self, violations: Sequence[Violation]) -> None:
        """Add violations."""
        self._violations.extend(violations)

    def parse(self, field: str, value: str, parser: Callable[[str], T]) -> T | None:
        """Return a parsed field. A ValueError of the parser is a violation, and the result None."""
        try:
            return parser(value)
        except ValueError as error:
            self.add(field, str(error))
            return None

    def parse_any(self, field: str, value: str, parser: Callable[[str], T]) -> T | None:
        """Return a parsed field as :meth:`parse` does, and None if it is empty."""
        return self.parse(field, value, parser) if value else None

    def limit(self, field: str, count: int, most: int) -> None:
        """Add a violation if a field has more than ``most`` entries."""
        if count > most:
            self.add(field, f"has {count} entries, more than {most}; give fewer")

    def texts(self, field: str, given: Mapping[str, str]) -> Mapping[str, str]:
        """Return labels or options, and add violations of their number and lengths."""
        self.limit(field, len(given), MAX_LABELS)
        for key, value in given.items():
            if len(value) > fields.MAX_VALUE:
                self.add(field, f"a value has more than {fields.MAX_VALUE} characters; shorten it")
            self.parse(field, key, fields.some_text)
        return dict(given)

    def refuse(self) -> None:
        """Raise InvalidArgument if there is a violation."""
        if self._violations:
            raise InvalidArgument(self._violations)


@contextlib.contextmanager
def collect_violations() -> Iterator[Violations]:
    """Yield a collection of violations. Raises InvalidArgument after the block if it has any."""
    violations = Violations()
    yield violations
    violations.refuse()
