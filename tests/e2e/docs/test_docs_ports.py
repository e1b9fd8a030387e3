"""docs/ports.md: its commands, from top to bottom, print the output on the page."""

from pathlib import Path

from tests.e2e.support.daemon import Daemon, eventually
from tests.e2e.support.doc_examples import type_commands
from tests.e2e.support.testbed import Sandbox, Testbed
from tests.project.docs.markdown import Page

PATH = Path(__file__).parents[3] / "docs" / "ports.md"
LISTEN = "import socket, time; held = socket.create_server(('', 22)); time.sleep(600)"


def test_every_command_prints_the_output_on_the_page(empty_testbed: Testbed) -> None:
    daemon = Daemon(empty_testbed)
    daemon.create("blue")
    web, _ = (Sandbox(empty_testbed, name) for name in ("web", "two"))
    empty_testbed.run("sh", "-c", "ln -s $(command -v python3) /run/sshd")
    empty_testbed.start("/run/sshd", "-c", LISTEN)
    eventually(lambda: ":22 " in empty_testbed.run("ss", "-Htln"))
    with web.listen("", 80):
        type_commands(Page(PATH, PATH.read_text()), empty_testbed)
    daemon.stop()
