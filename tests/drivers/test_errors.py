"""The exceptions of the driver contract, as the module's docstring draws them."""

import inspect

from mynet.drivers import errors
from mynet.drivers.errors import DriverError, InvalidOptions, KernelError


def test_the_drawn_tree_has_every_exception() -> None:
    drawn = {
        line.split()[1]
        for line in inspect.cleandoc(errors.__doc__ or "").splitlines()
        if "──" in line
    }
    existing = {
        name
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if kind.__module__ == errors.__name__ and kind is not DriverError
    }
    assert drawn == existing
    assert all(issubclass(getattr(errors, name), DriverError) for name in existing)


def test_an_error_has_a_message_a_resource_and_metadata() -> None:
    metadata = {"errno": "EIO"}
    error = KernelError("no", resource="interface eth0", metadata=metadata)
    metadata.clear()
    assert str(error) == "no"
    assert (error.resource, error.metadata) == ("interface eth0", {"errno": "EIO"})
    assert (DriverError("no").resource, DriverError("no").metadata) == ("", {})


def test_invalid_options_have_a_violation_for_each_key() -> None:
    error = InvalidOptions("unknown options", {"colour": "unknown"})
    assert error.violations == error.metadata == {"colour": "unknown"}
