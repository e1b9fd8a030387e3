"""What a hostile client does to a server, as generators that yield after each step.

The first step of an attack sets it up. Each further step repeats or continues it. What it holds is
closed with the generator.
"""

import contextlib
import gzip
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import TypeAlias

from tests.e2e.support.hostile_clients import http2
from tests.e2e.support.hostile_clients.http2 import STREAMS, HostileClient, clients, message

REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
WATCH = "/grpc.health.v1.Health/Watch"
EXPORT = f"{http2.IPAM}ExportSubnets"

Steps: TypeAlias = "Generator[None, None, None]"

_BOMB = message(gzip.compress(bytes(100 << 20)), compressed=True)
_ROUND = 100  # calls of a step


def half_open_calls(path: Path) -> Steps:
    """Open 500 calls and send no request."""
    with clients(path, 5) as made:
        for client in made:
            for _ in range(STREAMS):
                client.open()
        yield from _for_ever()


def ten_thousand_streams(path: Path) -> Steps:
    """Open ten thousand calls and send no request."""
    with clients(path, 10) as made:
        for client in made:
            for _ in range(1000):
                client.open()
            yield
        yield from _for_ever()


def slow_bodies(path: Path) -> Steps:
    """Send one byte of each of 300 requests in a step."""
    body = message(bytes(1_000_000))
    with clients(path, 3) as made:
        calls = [(client, client.open()) for client in made for _ in range(STREAMS)]
        for place in range(len(body)):
            for client, stream in calls:
                client.send(stream, body[place : place + 1])
            yield


def silent_streams(path: Path) -> Steps:
    """Leave streams of health and reflection open."""
    with clients(path, 4) as made:
        for client in made:
            for _ in range(STREAMS // 2):
                client.call(WATCH)
                client.send(client.open(REFLECTION), message(b"\x3a\x00"))
        yield from _for_ever()


def unread_answers(path: Path) -> Steps:
    """Ask for exports and lists, and read nothing."""
    with clients(path, 24, window=0) as made:
        for client in made:
            client.call(EXPORT, b"\x08\x02")  # in the form of the tutorial, which is the largest
            client.call()
        yield from _for_ever()


def rapid_resets(path: Path) -> Steps:
    """Open calls and reset them at once, as CVE-2023-44487 describes."""
    yield from _calls_of_new_clients(path, lambda client: client.reset(client.open()))


def resets_of_whole_calls(path: Path) -> Steps:
    """Make whole calls and reset each of them at once."""
    yield from _calls_of_new_clients(path, lambda client: client.reset(client.call()))


def header_floods(path: Path) -> Steps:
    """Open calls with 64 KiB of headers, which are more than a server accepts."""
    headers = [(f"x-{number}", "y" * 4000) for number in range(16)]

    def flood(client: HostileClient) -> None:
        client.open(http2.LIST, *headers)

    yield from _calls_of_new_clients(path, flood, calls=10)


def compressed_bombs(path: Path) -> Steps:
    """Send requests that are 100 KiB compressed, and 100 MiB otherwise."""

    def send(client: HostileClient) -> None:
        client.send(client.open(http2.LIST, ("grpc-encoding", "gzip")), _BOMB)

    yield from _calls_of_new_clients(path, send, calls=1)


def idle_connections(path: Path) -> Steps:
    """Open 900 connections and make no call."""
    with contextlib.ExitStack() as stack:
        for _ in range(900):
            stack.enter_context(http2.connected(path))
        yield from _for_ever()


ATTACKS: Mapping[str, Callable[[Path], Steps]] = {
    attack.__name__: attack
    for attack in (
        half_open_calls,
        ten_thousand_streams,
        slow_bodies,
        silent_streams,
        unread_answers,
        rapid_resets,
        resets_of_whole_calls,
        header_floods,
        compressed_bombs,
        idle_connections,
    )
}


def _for_ever() -> Steps:
    while True:
        yield


def _calls_of_new_clients(
    path: Path, call: Callable[[HostileClient], object], calls: int = _ROUND
) -> Steps:
    """Make calls on a connection until the server closes it or refuses more, then on the next."""
    while True:
        with clients(path, 1) as [client]:
            for _ in range(10):
                for _ in range(calls):
                    call(client)
                yield
                if client.is_closed():
                    break
