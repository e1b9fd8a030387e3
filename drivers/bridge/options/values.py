"""Checks of the values that several options have."""

from collections.abc import Callable


def true_or_false(value: str) -> str | None:
    """Return what is wrong with the value of an option that is true or false, or None."""
    return None if value in {"true", "false"} else "must be true or false"


def whole_number(values: range, hint: str = "") -> Callable[[str], str | None]:
    """Return the check of a number in a range, which is written as the kernel writes it.

    ``hint`` ends the sentence about a wrong value.
    """

    def check(value: str) -> str | None:
        is_number = value.isascii() and value.isdecimal() and len(value) <= len(str(values[-1]))
        if is_number and int(value) in values and value == str(int(value)):
            return None
        return f"must be a whole number from {values[0]} to {values[-1]}{hint}"

    return check
