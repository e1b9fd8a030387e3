"""Commands of a group that are imported when they are looked up.

A command imports what it needs. A call of one command does not wait for the imports of all others.
"""

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Any

import click

_COMMANDS = "mynet.cli.commands"


class LateCommands(MutableMapping[str, click.Command]):
    """The commands of a click group by name, such as ``network="network"``.

    The value is the module in ``cli/commands/`` that has the command under its name.
    """

    def __init__(self, **modules: str) -> None:
        self._modules = modules
        self._commands: dict[str, click.Command | None] = dict.fromkeys(modules)

    def __getitem__(self, name: str) -> click.Command:
        command = self._commands[name]
        if command is None:
            module: Any = import_module(f"{_COMMANDS}.{self._modules[name]}")
            command = self._commands[name] = getattr(module, name)
        return command

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._commands[name] = command

    def __delitem__(self, name: str) -> None:
        del self._commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._commands)

    def __len__(self) -> int:
        return len(self._commands)
