"""What every command prints of answers that have control characters in all their texts."""

from collections.abc import Iterator
from typing import Any

import click
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from mynet.cli.program import mynetctl
from mynet.v1 import ipam_pb2, network_pb2
from tests.cli.conftest import Ctl
from tests.cli.output.test_visible import EVIL, assert_harmless
from tests.cli.support.fake import FakeDaemon, Refusal

METHODS = [
    method
    for file in (network_pb2.DESCRIPTOR, ipam_pb2.DESCRIPTOR)
    for service in file.services_by_name.values()
    for method in service.methods
]
# The arguments of each command that prints texts of an answer.
COMMANDS = (
    *("network create blue", "network ls", "network inspect blue", "network rm blue"),
    *("network update --label a=b blue", "network connect blue c1", "network disconnect blue c1"),
    *("connect blue c1", "disconnect blue c1", "endpoint ls", "endpoint inspect e1"),
    *("endpoint check e1", "endpoint update --label a=b e1", "topology", "driver ls"),
    *("doctor", "doctor --probe", "ipam backend ls", "ipam allocate 10.88.0.0/24"),
    *("ipam release 10.88.0.0/24 10.88.0.2", "ipam ls", "ipam subnet create 10.88.0.0/24"),
    *("ipam subnet ls", "ipam subnet inspect 10.88.0.0/24", "ipam subnet rm 10.88.0.0/24"),
    *("ipam map 10.88.0.0/24", "ipam export", "version"),
)
# A map computes with these fields.
COMPUTED = {"cidr": "10.88.0.0/24", "reserved": "10.88.0.8/29", "range": "10.88.0.0/25"}
# Commands that print nothing of an answer, run a program, or read a file first.
OTHERS = {
    *("completion", "run", "ipam import", "backup", "batch connect", "batch disconnect"),
    *("context add", "context ls", "context use", "context show", "context rm"),
}


def leaves(group: click.Group, before: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, f"{before}{name} ")
        else:
            yield before + name


def evil(descriptor: Descriptor, depth: int = 0) -> dict[str, Any]:
    """Return a message in JSON form with the text in every field that has texts."""
    return {
        field.name: [value] if field.is_repeated and not is_map(field) else value
        for field in descriptor.fields
        if depth < 4 and (value := evil_value(field, depth)) is not None
    }


def is_map(field: FieldDescriptor) -> bool:
    return bool(field.message_type and field.message_type.GetOptions().map_entry)


def evil_value(field: FieldDescriptor, depth: int) -> object:
    if is_map(field):
        return {EVIL: EVIL}
    if field.message_type:
        is_ours = field.message_type.full_name.startswith("mynet.")
        return evil(field.message_type, depth + 1) if is_ours else None
    if field.enum_type:
        return 1
    if field.name in COMPUTED:
        return COMPUTED[field.name]
    return EVIL if field.type == FieldDescriptor.TYPE_STRING else None


def test_every_command_is_tried() -> None:
    assert isinstance(mynetctl, click.Group)
    tried = {name for name in leaves(mynetctl) if f"{name} " in " ".join(f"{c} " for c in COMMANDS)}
    assert tried | OTHERS == set(leaves(mynetctl))


@pytest.mark.parametrize("command", COMMANDS)
def test_no_control_character_of_an_answer_is_printed(
    ctl: Ctl, daemon: FakeDaemon, command: str
) -> None:
    for method in METHODS:
        answer = evil(method.output_type)
        answer.pop("next_page_token", None)  # the answer would be one page of infinitely many
        daemon.answer(method.name, answer)
    done = ctl(*command.split())
    assert_harmless(done.out + done.err)


@pytest.mark.parametrize("command", COMMANDS)
def test_no_control_character_of_an_error_is_printed(
    ctl: Ctl, daemon: FakeDaemon, command: str
) -> None:
    for method in METHODS:
        refusal = Refusal("INVALID_ARGUMENT", "INVALID_ARGUMENT", EVIL, {EVIL: EVIL})
        daemon.answer(method.name, refusal)
    done = ctl(*command.split())
    assert_harmless(done.out + done.err)
