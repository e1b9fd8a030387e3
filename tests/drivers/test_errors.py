"""What a driver may raise, as the module's page draws it."""

import inspect

from mynet.drivers import errors
from mynet.drivers.errors import DriverError, InvalidOptions, KernelError


def test_the_tree_that_is_drawn_is_the_tree_there_is() -> None:
    drawn = {
        line.split()[1]
        for line in inspect.cleandoc(errors.__doc__ or "").splitlines()
        if "──" in line
    }
    there = {
        name
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if kind.__module__ == errors.__name__ and kind is not DriverError
    }
    assert drawn == there
    assert all(issubclass(getattr(errors, name), DriverError) for name in there)


def test_an_error_has_words_for_people_and_data_for_programs() -> None:
    metadata = {"errno": "EIO"}
    error = KernelError("no", resource="interface eth0", metadata=metadata)
    metadata.clear()
    assert str(error) == "no"
    assert (error.resource, error.metadata) == ("interface eth0", {"errno": "EIO"})
    assert (DriverError("no").resource, DriverError("no").metadata) == ("", {})


def test_options_are_refused_key_by_key() -> None:
    error = InvalidOptions("no such options", {"colour": "there is none"})
    assert error.violations == error.metadata == {"colour": "there is none"}
