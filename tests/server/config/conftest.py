"""The command line of mynetd, without a daemon that starts."""

import contextlib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mynet.server import daemon, main
from mynet.server.config.settings import Settings
from tests.server.config.running import Run


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings that the daemon was started with; it is not started."""
    found: list[Settings] = []

    def run(settings: Settings) -> bool:
        found.append(settings)
        return True

    monkeypatch.setattr(daemon, "run", run)
    return found


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []

    def configured(*settings: str) -> contextlib.AbstractContextManager[None]:
        found.append(settings)  # type: ignore[arg-type]
        return contextlib.nullcontext()

    monkeypatch.setattr(main, "configured", configured)
    return found


@pytest.fixture
def run(started: list[Settings], logs: list[tuple[str, str]], tmp_path: Path) -> Run:
    def run(*arguments: str, file: str = "", **environment: str) -> Result:
        if file:
            (tmp_path / "mynet.toml").write_text(file)
            arguments = ("--config", str(tmp_path / "mynet.toml"), *arguments)
        env = {f"MYNET_{name}": value for name, value in environment.items()}
        return CliRunner().invoke(main.main, arguments, env=env, prog_name="mynetd")

    return run
