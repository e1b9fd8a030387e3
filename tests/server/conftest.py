"""Daemons for tests: one for each test, or one for a module whose tests change nothing."""

import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import structlog

from mynet.server import host
from tests.server.support import servers
from tests.server.support.stack import Stack
from tests.server.support.world import World
from tests.support.matrix import matrix


@pytest.fixture(scope="session", autouse=True)
def _plain_logs() -> None:
    """Log one line for each event, with plain tracebacks, so that a failed test shows them."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ]
    )


@pytest.fixture
def same_logging() -> Iterator[None]:
    """Leave logging, which is global to a process, as it was."""
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level, disabled = root.handlers, root.level, logging.root.manager.disable
    yield
    structlog.configure(**before)
    root.handlers = handlers
    root.setLevel(level)
    logging.disable(disabled)


@pytest.fixture(autouse=True)
def _same_umask() -> Iterator[None]:
    """Give the process its umask back, which the command mynetd sets for the daemon's files."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)


@pytest.fixture(scope="session", autouse=True)
def _no_nameservers() -> Iterator[None]:
    """Hide the nameservers of this machine from the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(host, "_RESOLV_CONF", Path("/dev/null"))
        yield


@pytest.fixture(scope="session", autouse=True)
def _servers() -> Iterator[None]:
    """Close the servers that tests have shared."""
    yield
    servers.close_all()


@contextlib.contextmanager
def _memory_folder() -> Iterator[Path]:
    """Yield an empty folder with a short name, because a unix socket's path has 107 characters.

    It is in memory if the host has /dev/shm: the tests make thousands of databases, and a disk
    takes most of the time for that.
    """
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - a folder of its own
    with TemporaryDirectory(prefix="mynet-", dir=memory, ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder."""
    with _memory_folder() as path:
        yield path


@pytest.fixture
def world(folder: Path) -> Iterator[World]:
    made = World(folder)
    yield made
    made.close()


@pytest.fixture
def web(world: World) -> None:
    """Network web, with both families, and a sandbox for it."""
    world.network("web", "10.1.0.0/24", "fd00:1::/64")
    world.sandbox("c1")


@pytest.fixture
def make_world(folder: Path) -> Iterator[Callable[..., World]]:
    """Return a function that makes a daemon over fakes with settings of its own."""
    made: list[World] = []

    def make(**settings: Any) -> World:
        made.append(World(folder, **settings))
        return made[-1]

    yield make
    for world in made:
        world.close()


@pytest.fixture(scope="module")
def still_world() -> Iterator[World]:
    """A daemon over fakes for tests that change nothing, such as those of refused calls."""
    with _memory_folder() as path:
        made = World(path)
        yield made
        made.close()


@pytest.fixture(scope="module")
def furnished_world(still_world: World) -> World:
    """The same, with a network, an endpoint and an allocation."""
    still_world.network("web", "10.1.0.0/24", "fd00:1::/64")
    still_world.sandbox("c1")
    still_world.connect("c1", netns_name="c1")
    still_world.allocate("10.9.0.0/24", owner="vm-7")
    return still_world


BOTH: list[Callable[[Path], World | Stack]] = [World, Stack]


@pytest.fixture(params=matrix(BOTH, short=lambda made: made is Stack), ids=["fakes", "stack"])
def daemon(request: pytest.FixtureRequest, folder: Path) -> Iterator[World | Stack]:
    """A daemon over fakes, and one over the real driver and backend."""
    made: World | Stack = request.param(folder)
    yield made
    made.close()


@pytest.fixture
def stack(folder: Path) -> Iterator[Stack]:
    made = Stack(folder)
    yield made
    made.close()
