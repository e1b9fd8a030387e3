"""Shell completion: the scripts, and names asked of the daemon."""

from collections.abc import Callable
from typing import TypeAlias

import click
from click.shell_completion import BashComplete, CompletionItem, FishComplete, ZshComplete

from mynet.cli.client import DEFAULT_ADDRESS, Session
from mynet.cli.options import CONTEXT

Completer: TypeAlias = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

_SHELLS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
_SECONDS = 1.0  # a key press waits no longer for a daemon that does not answer


def _offer(verb: str, field: str, key: str) -> Completer:
    """Complete what a list has; without a daemon there is nothing to offer."""

    def complete(
        context: click.Context, _: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        address = context.find_root().params.get("address") or DEFAULT_ADDRESS
        try:
            found = Session(address, timeout=_SECONDS).pages(verb, {}, field)
        except click.ClickException:
            return []
        names = dict.fromkeys(each[key] for each in found)
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]

    return complete


network_names = _offer("NetworkService.ListNetworks", "networks", "name")
endpoint_ids = _offer("NetworkService.ListEndpoints", "endpoints", "id")
container_names = _offer("NetworkService.ListEndpoints", "endpoints", "container_id")
subnet_cidrs = _offer("IPAMService.ListSubnets", "subnets", "cidr")


@click.command(context_settings=CONTEXT)
@click.argument("shell", type=click.Choice(list(_SHELLS)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that has a shell complete commands and names.

    \b
    Examples:
      source <(mynetctl completion bash)
      mynetctl completion zsh > ~/.zfunc/_mynetctl
      mynetctl completion fish > ~/.config/fish/completions/mynetctl.fish
    """
    script = _SHELLS[shell](context.find_root().command, {}, "mynetctl", "_MYNETCTL_COMPLETE")
    click.echo(script.source())
