"""The .proto files and the code that is generated from them."""

from collections.abc import Callable
from pathlib import Path


def test_the_committed_code_is_what_the_proto_files_generate(
    root: Path, run: Callable[..., str], tmp_path: Path
) -> None:
    run("proto/generate", tmp_path)
    assert contents(tmp_path) == contents(root / "proto" / "gen")


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*_pb2*.py*")
        if path.parent.name != "__pycache__"
    }


def test_the_proto_files_keep_the_rules_of_buf(root: Path, run: Callable[..., str]) -> None:
    run("buf", "lint", cwd=root / "proto")


def test_the_proto_files_are_formatted(root: Path, run: Callable[..., str]) -> None:
    run("buf", "format", "--diff", "--exit-code", cwd=root / "proto")
