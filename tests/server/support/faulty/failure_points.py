"""Points at which a test makes an operation fail."""

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from tests.server.support.daemon import broken_write
from tests.server.support.stack import Stack

REASONS = {"KERNEL_ERROR", "STORE_UNAVAILABLE"}

# What fails when: of the kernel, of the daemon's store, of the backend's file.
Step = Callable[[Stack], AbstractContextManager[object]]


def kernel(point: str) -> Step:
    def step(stack: Stack) -> AbstractContextManager[object]:
        stack.kernel.control.fail(point)
        return contextlib.nullcontext()

    return step


def store(number: int, times: int = 1) -> Step:
    return lambda stack: stack.broken_write(number, times=times)


def backend(number: int) -> Step:
    return lambda stack: broken_write(stack.bitmap._database, number)


def case(name: str, step: Step) -> Any:
    return pytest.param(step, id=name)
