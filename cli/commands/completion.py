"""``mynetctl completion``, and the completion of names by asking the daemon."""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import click
from click.shell_completion import BashComplete, CompletionItem, FishComplete, ZshComplete

from mynet.cli.client import Session
from mynet.cli.options.target import chosen_target

Completer: TypeAlias = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

_SHELLS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
_TIMEOUT = 1.0  # seconds that a user who presses the tab key waits at most


def _completer(verb: str, field: str, key: str) -> Completer:
    """Return a completer for one key of a list verb's items. Without a daemon it offers nothing."""

    def complete(
        context: click.Context, _: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        choose = partial(chosen_target, context.find_root())
        try:
            items = Session(choose, timeout=_TIMEOUT).pages(verb, {}, field)
        except click.ClickException:
            return []
        names = dict.fromkeys(item[key] for item in items)
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]

    return complete


network_names = _completer("NetworkService.ListNetworks", "networks", "name")
endpoint_ids = _completer("NetworkService.ListEndpoints", "endpoints", "id")
container_names = _completer("NetworkService.ListEndpoints", "endpoints", "container_id")
subnet_cidrs = _completer("IPAMService.ListSubnets", "subnets", "cidr")


@click.command()
@click.argument("shell", type=click.Choice(list(_SHELLS)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a script for shell completion.

    It completes commands, options, and the names of networks, containers, endpoints and subnets.

    \b
    Examples:
      source <(mynetctl completion bash)
      mynetctl completion zsh > ~/.zfunc/_mynetctl
      mynetctl completion fish > ~/.config/fish/completions/mynetctl.fish
    """
    script = _SHELLS[shell](context.find_root().command, {}, "mynetctl", "_MYNETCTL_COMPLETE")
    click.echo(script.source())
