"""When the watchdog tells the service manager that the daemon answers, and when not."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import structlog.testing

from mynet.server.model.callers import Listener
from mynet.server.model.limits import Limits
from mynet.server.service_manager import ServiceManager
from mynet.server.services.listening.self_call import call_health
from mynet.server.services.server import Server
from mynet.server.watchdog import Watchdog
from tests.server.support.notify_socket import NotifySocket
from tests.server.support.polling import eventually
from tests.server.support.world import World

OFTEN = 0.03  # seconds: how long the service manager of these tests waits


@pytest.fixture
def told(tmp_path: Path) -> Iterator[NotifySocket]:
    made = NotifySocket(f"{tmp_path}/notify")
    yield made
    made.close()


def is_alive(message: dict[str, str]) -> bool:
    return message == {"WATCHDOG": "1"}


def test_a_daemon_that_answers_says_so_again_and_again(told: NotifySocket) -> None:
    def refuse() -> None:
        raise OSError("refused, which is an answer")

    watchdog = Watchdog(ServiceManager(told.address, OFTEN), {"a": list, "b": refuse})
    watchdog.start()
    for _ in range(3):
        told.wait_for(is_alive)
    watchdog.stop()


def test_a_daemon_that_hangs_does_not_say_so_until_it_answers_again(told: NotifySocket) -> None:
    hanging, released = threading.Event(), threading.Event()
    calls: list[None] = []

    def check() -> None:
        calls.append(None)
        if hanging.is_set():
            released.wait()

    watchdog = Watchdog(ServiceManager(told.address, OFTEN), {"good": list, "bad": check})
    with structlog.testing.capture_logs() as lines:
        watchdog.start()
        told.wait_for(is_alive)
        hanging.set()
        eventually(lambda: lines)
        told.drain()
        begun = len(calls)
        eventually(lambda: len(lines) >= 4)  # rounds
        assert told.drain() == []
        assert len(calls) == begun, "a check that hangs was run again"
        released.set()
        told.wait_for(is_alive)
        watchdog.stop()
    assert [line["hanging"] for line in lines] == [["bad"]] * len(lines)


def test_the_writer_of_the_store_is_watched(world: World) -> None:
    world.store.await_writer()
    writing, released = threading.Event(), threading.Event()

    def work(*_: object) -> None:
        writing.set()
        released.wait()

    writer = threading.Thread(target=lambda: world.store._database.write(work))
    writer.start()
    writing.wait()
    waiting = threading.Thread(target=world.store.await_writer)
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    released.set()
    waiting.join()
    writer.join()


def test_every_listener_is_watched_by_a_health_call(world: World, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    listeners = [Listener(f"unix://{tmp_path}/d.sock"), Listener(f"127.0.0.1:{port}")]
    server = Server(world.core, listeners, seconds=1)
    checks = server.checks()
    assert set(checks) == {f"listener {listener.address}" for listener in listeners}
    for check in checks.values():
        check()  # also before the daemon serves
    server.stop(1)
    for check in checks.values():
        with pytest.raises(grpc.RpcError):
            check()


def test_a_listener_that_accepts_and_says_nothing_hangs(tmp_path: Path) -> None:
    path = f"{tmp_path}/d.sock"
    failed = threading.Event()

    def call() -> None:
        with pytest.raises(grpc.RpcError):
            call_health(Listener(f"unix://{path}"))
        failed.set()

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        threading.Thread(target=call).start()
        connection, _ = listener.accept()
        assert connection.recv(100)
        assert not failed.wait(0.2)
    connection.close()
    assert failed.wait(60)


def test_callers_that_fill_the_limits_do_not_make_the_daemon_look_dead(
    world: World, tmp_path: Path
) -> None:
    limits = Limits(max_waiting_calls=2, max_connections=16)
    listener = Listener(f"unix://{tmp_path}/d.sock")
    server = Server(world.core, [listener], 1, limits)
    server.serve()
    (check,) = server.checks().values()
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.insecure_channel(f"unix:{listener.path}", options) for _ in range(20)]
    end = threading.Event()

    def no_request() -> Iterator[bytes]:
        end.wait()
        yield from ()

    for channel in channels:
        call: Any = channel.stream_unary("/mynet.v1.NetworkService/ListNetworks")
        call.future(no_request())
    for _ in range(5):
        with contextlib.suppress(grpc.RpcError):  # refused at once, which is an answer
            check()
    end.set()
    for channel in channels:
        channel.close()
    server.stop(1)
