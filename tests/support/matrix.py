"""Matrices of cases: a short form of each runs in ``make test``, the whole in ``make test-all``."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest


def matrix(cases: Iterable[Any], *, short: Callable[[Any], bool] | int) -> list[Any]:
    """Return the cases as parameters of a test; those that are not in the short form are marked.

    ``short`` says which cases are in the short form: a function of the case, or a number N for
    every Nth one, beginning with the first. A case that is a tuple is the values of several
    parameters.
    """
    return [
        pytest.param(
            *(case if isinstance(case, tuple) else (case,)),
            marks=[] if _is_short(place, case, short) else [pytest.mark.exhaustive],
        )
        for place, case in enumerate(cases)
    ]


def _is_short(place: int, case: Any, short: Callable[[Any], bool] | int) -> bool:
    return place % short == 0 if isinstance(short, int) else short(case)
