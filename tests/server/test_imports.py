"""What mynetd imports. Each module makes its start longer, and stays in memory."""

import subprocess
import sys

# For tests, for other programs, or for what the daemon does by itself.
UNUSED = {
    *("pyroute2", "unittest", "multiprocessing", "xml", "http", "setuptools", "pytest", "scapy"),
    *("matplotlib", "google.protobuf.json_format", "mynet.cli"),
}


def imports(*modules: str) -> set[str]:
    listed = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", listed], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_the_daemon_imports_only_what_it_uses() -> None:
    assert imports("mynet.server.main", "mynet.server.daemon") & UNUSED == set()


def test_a_command_without_a_daemon_does_not_wait_for_grpc() -> None:
    assert imports("mynet.server.main") & {*UNUSED, "grpc", "google.protobuf", "cattrs"} == set()
