"""Shell completion: the scripts, and names asked of the daemon."""

import click
from click.shell_completion import CompletionItem, get_completion_class

from mynet.cli.command import CONTEXT
from mynet.cli.session import Session

_SECONDS = 1.0  # a key press waits no longer for a daemon that does not answer


def network_names(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete a network's name; without a daemon there is nothing to offer."""
    top = context.find_root().params
    session = Session(address=top.get("address") or Session().address, timeout=_SECONDS)
    try:
        found = session.pages("NetworkService.ListNetworks", {}, "networks")
    except click.ClickException:
        return []
    names = (each["name"] for each in found)
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


@click.command(context_settings=CONTEXT)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that makes a shell complete mynetctl's commands and networks.

    \b
    Examples:
      source <(mynetctl completion bash)
      mynetctl completion zsh > ~/.zfunc/_mynetctl
      mynetctl completion fish > ~/.config/fish/completions/mynetctl.fish
    """
    kind = get_completion_class(shell)
    if kind is not None:
        click.echo(kind(context.find_root().command, {}, "mynetctl", "_MYNETCTL_COMPLETE").source())
