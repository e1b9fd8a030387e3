"""Running nft(8), and how that may fail."""

import os
import subprocess
from pathlib import Path

import pytest

from mynet.drivers.errors import CapabilityUnsupported, KernelError, PrivilegeMissing
from mynet.drivers.linux.firewall.firewall import Firewall
from mynet.drivers.linux.firewall.tables import nft as running


@pytest.fixture
def nft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a test can put a program that is found instead of the real nft."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path / "nft"


def pretend(nft: Path, script: str) -> None:
    nft.write_text(f"#!/bin/sh\n{script}\n")
    nft.chmod(0o755)


def load() -> None:
    Firewall().load("7f3a", [])


def test_nft_is_given_the_table_and_nothing_else(nft: Path) -> None:
    pretend(nft, f'echo "$@" >{nft}.arguments; cat >{nft}.text')
    load()
    assert Path(f"{nft}.arguments").read_text() == "-f -\n"
    assert Path(f"{nft}.text").read_text().startswith("add table inet mynet\n")


def test_without_nft_the_error_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(running, "_SYSTEM_FOLDERS", "/nowhere/else")
    with pytest.raises(CapabilityUnsupported, match="install the package nftables"):
        load()


def test_nft_is_found_in_system_folders_outside_path(
    nft: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(nft, f": >{nft}.ran")
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(running, "_SYSTEM_FOLDERS", str(nft.parent))
    load()
    assert Path(f"{nft}.ran").exists()


def test_the_error_has_the_message_of_nft(nft: Path) -> None:
    pretend(nft, "echo 'line 7: syntax error, unexpected flux' >&2; exit 1")
    with pytest.raises(KernelError, match="line 7: syntax error, unexpected flux") as caught:
        load()
    assert caught.value.resource == "tables inet mynet and bridge mynet"


def test_a_long_message_is_cut(nft: Path) -> None:
    pretend(nft, "yes error | head -n 10000 >&2; exit 1")
    with pytest.raises(KernelError) as caught:
        load()
    assert len(str(caught.value)) < 700


def test_a_missing_privilege_names_the_capability(nft: Path) -> None:
    pretend(nft, "echo 'Error: Could not process rule: Operation not permitted' >&2; exit 1")
    with pytest.raises(PrivilegeMissing, match="CAP_NET_ADMIN") as caught:
        load()
    assert caught.value.metadata["capability"] == "CAP_NET_ADMIN"


def test_a_hanging_nft_is_killed(nft: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(nft, f"echo $$ >{nft}.pid; exec sleep 60")
    monkeypatch.setattr(running, "_TIMEOUT", 0.2)
    with pytest.raises(KernelError, match=r"within 0\.2 s") as caught:
        load()
    assert caught.value.metadata["errno"] == "ETIMEDOUT"
    pid = Path(f"{nft}.pid").read_text().strip()
    assert subprocess.run(["kill", "-0", pid], check=False, stderr=-3).returncode != 0


def test_a_program_that_cannot_be_started_is_a_kernel_error(nft: Path) -> None:
    nft.write_bytes(b"\x7fELF but not really")
    nft.chmod(0o755)
    with pytest.raises(KernelError, match="start nft") as caught:
        load()
    assert caught.value.metadata["errno"] == "ENOEXEC"
