"""Daemons for tests: one for each test, or one for a module whose tests change nothing."""

from collections.abc import Callable, Iterator
from pathlib import Path
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


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder with a short name: the path of a unix socket has at most 107 characters."""
    return tmp_path_factory.mktemp("w")


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
def still_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A daemon over fakes for tests that change nothing, such as those of refused calls."""
    made = World(tmp_path_factory.mktemp("w"))
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
