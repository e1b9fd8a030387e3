"""The error table: whole, and the same as what was promised and as docs/errors.md."""

import re
from pathlib import Path

import grpc

from mynet.drivers import errors as drivers
from mynet.ipam import errors as ipam
from mynet.server import errors
from mynet.server.services.status import TABLE, row_of
from tests.server.support.error_contract import PROMISED, classes

NO_ROW: dict[type[Exception], str] = {
    errors.MynetError: "a base, never raised itself",
    errors.NotFound: "a base, never raised itself",
    errors.CannotStart: "ends the daemon before it answers a call",
    errors.CannotRestore: "ends a command that answers no call",
}


def test_each_error_has_a_row_or_a_reason_to_have_none() -> None:
    known = classes(errors) | classes(drivers) | classes(ipam)
    assert known == TABLE.keys() | NO_ROW.keys()
    assert not TABLE.keys() & NO_ROW.keys()


def test_the_table_follows_the_contract() -> None:
    rows = {kind: (code.name, reason) for kind, (code, reason) in TABLE.items()}
    assert rows == {kind: promise[:2] for kind, promise in PROMISED.items()}


def test_a_plugin_s_own_error_has_the_row_of_its_base() -> None:
    class Torn(drivers.KernelError):
        pass

    assert row_of(Torn) == TABLE[drivers.KernelError]
    assert row_of(RuntimeError) == (grpc.StatusCode.INTERNAL, "INTERNAL")


def test_the_documentation_has_the_same_rows() -> None:
    page = Path(__file__).parents[3] / "docs" / "errors.md"
    rows = re.findall(r"^\| ([A-Z_]+) \| ([A-Z_]+) \|", page.read_text(), re.MULTILINE)
    assert len(rows) == len(set(rows))
    table = {(code.name, reason) for code, reason in TABLE.values()}
    assert set(rows) == table | {("INTERNAL", "INTERNAL")}
