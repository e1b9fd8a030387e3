"""The options that choose the daemon: --address, --tls-ca, --tls-cert, --tls-key and --context."""

from pathlib import Path

import click
from click.core import ParameterSource

from mynet.cli import contexts
from mynet.cli.options.shared import Decorator, together
from mynet.cli.target import DEFAULT_ADDRESS, Target, make_target, parse_address

_TLS = {
    "tls_ca": "The authorities that sign mynetd's certificate, in PEM.",
    "tls_cert": "Your certificate, in PEM.",
    "tls_key": "The key of your certificate, in PEM.",
}


def tls_options(prefix: str = "") -> Decorator:
    """Return a decorator for the options of TLS. With a prefix, they have variables, too."""
    return together(
        *(
            click.option(
                f"--{name.replace('_', '-')}",
                envvar=f"{prefix}_{name.upper()}" if prefix else None,
                show_envvar=bool(prefix),
                type=click.Path(dir_okay=False, path_type=Path),
                metavar="FILE",
                help=text,
            )
            for name, text in _TLS.items()
        )
    )


target_options = together(
    click.option(
        "--address",
        envvar="MYNET_ADDRESS",
        show_envvar=True,
        metavar="ADDRESS",
        type=parse_address,
        help="Where mynetd listens: unix:///PATH or HOST:PORT. [default: that of the context, or"
        f" {DEFAULT_ADDRESS}]",
    ),
    tls_options("MYNETCTL"),
    click.option(
        "--context",
        envvar="MYNET_CONTEXT",
        show_envvar=True,
        metavar="NAME",
        help="The context to use, in place of the current one. See: mynetctl context --help",
    ),
)


def chosen_context(root: click.Context) -> str:
    """Return the name of the context that is used, "" if an address is given.

    An option goes before the environment, and that before the file. Of the two variables, the
    address goes first. Raises click.UsageError and Failed.
    """
    by_option = {
        name
        for name in ("address", "context", *_TLS)
        if root.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }
    if {"address", "context"} <= by_option:
        raise click.UsageError("--address and --context exclude each other", root)
    if root.params.get("address") and "context" not in by_option:
        return ""
    if by_option & _TLS.keys():
        raise click.UsageError(
            "--tls-ca, --tls-cert and --tls-key belong to --address; a context has files of its"
            " own: mynetctl context add",
            root,
        )
    return root.params.get("context") or contexts.load().current


def chosen_target(root: click.Context) -> Target:
    """Return the target of a run of mynetctl. Raises click.UsageError and Failed."""
    if name := chosen_context(root):
        return contexts.load().target(name)
    return make_target(root.params["address"], {name: root.params[name] for name in _TLS})
