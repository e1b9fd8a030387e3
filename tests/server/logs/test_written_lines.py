"""What the program's log writes of an event, in this process."""

import json
import logging
from typing import Any

import pytest
import structlog

from mynet.server.logs.program_log import Format, configured, silence

pytestmark = pytest.mark.usefixtures("same_logging")


def log_all(log_format: Format, level: str) -> None:
    with configured(log_format, level), structlog.contextvars.bound_contextvars(request_id="r1"):
        log = structlog.stdlib.get_logger("mynet.test")
        log.debug("trifle")
        log.info("made", network="web")
        try:
            1 / 0  # noqa: B018 - it raises
        except ZeroDivisionError:
            log.exception("failed")
            logging.getLogger("plugin").exception("failed, too")
        logging.getLogger("plugin").warning("slow: %s", 3)
        logging.getLogger("plugin").warning("not %d", "a number")


def lines(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capfd.readouterr().err.splitlines() if line[:1] == "{"]


def test_a_line_has_the_event_and_what_is_known_of_the_request(
    capfd: pytest.CaptureFixture[str],
) -> None:
    log_all("json", "info")
    made, failed, plugins, slow = lines(capfd)
    assert made.pop("timestamp") <= failed["timestamp"]
    assert made == {
        "event": "made",
        "network": "web",
        "level": "info",
        "logger": "mynet.test",
        "request_id": "r1",
    }
    assert failed["level"] == plugins["level"] == "error"
    assert failed["exception"].endswith("ZeroDivisionError: division by zero")
    assert plugins["exception"].endswith("ZeroDivisionError: division by zero")
    assert (slow["event"], slow["level"], slow["logger"]) == ("slow: 3", "warning", "plugin")
    assert slow["request_id"] == "r1"


def test_what_is_below_the_level_is_not_written(capfd: pytest.CaptureFixture[str]) -> None:
    log_all("json", "error")
    assert [line["event"] for line in lines(capfd)] == ["failed", "failed, too"]


def test_a_line_for_people_has_no_colours_in_a_file(capfd: pytest.CaptureFixture[str]) -> None:
    log_all("text", "debug")
    text = capfd.readouterr().err
    assert "trifle" in text
    assert "network=web" in text
    assert "\x1b" not in text


def test_a_silent_command_logs_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    silence()
    structlog.stdlib.get_logger("mynet.test").error("an event")
    logging.getLogger("plugin").critical("a record")
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""
