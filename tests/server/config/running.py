"""How tests run mynetd's command line."""

from collections.abc import Callable

from click.testing import Result

Run = Callable[..., Result]
