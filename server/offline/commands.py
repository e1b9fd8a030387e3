"""The commands ``mynetd restore`` and ``mynetd fsck``, for while no daemon runs."""

import os
import sys
from pathlib import Path

import click

from mynet.server.errors import CannotRestore, CannotStart
from mynet.server.logs.program_log import silence

_state_dir = click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    callback=lambda context, _, given: given or context.find_root().params["state_dir"],
    help="The state directory. [default: as given to mynetd]",
)


class _Unchecked(click.ClickException):
    """The state directory could not be checked: exit status 2."""

    exit_code = 2


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_state_dir
@click.option(
    "--move-aside",
    is_flag=True,
    help="Keep a state directory that has files beside the new one, under another name.",
)
def restore(*, file: Path, state_dir: Path, move_aside: bool) -> None:
    """Restore the backup FILE, which `mynetctl backup` wrote.

    No daemon may be running. FILE is checked first. If anything is wrong with it, nothing is
    changed. Otherwise it replaces the state directory in one step.
    """
    from mynet.server.offline.restore import restore as restore_backup  # noqa: PLC0415 - as in main

    try:
        done = restore_backup(file, state_dir, move_aside=move_aside)
    except OSError as error:
        raise click.ClickException(f"{file} was not restored: {error}") from error
    except (CannotRestore, CannotStart) as error:
        raise click.ClickException(str(error)) from error
    about = done.about
    click.echo(
        f"{state_dir} is now as it was on {about.create_time:%Y-%m-%d at %H:%M:%S} UTC"
        f" (instance {about.instance}, revision {about.revision})."
    )
    if done.aside:
        click.echo(f"The files that were there before are in {done.aside}.")
    for finding in done.findings:
        click.echo(f"The next start will repair: {finding}")


@click.command()
@_state_dir
@click.option(
    "--books",
    is_flag=True,
    help="Check the databases alone, and do not compare the kernel with them.",
)
def fsck(*, state_dir: Path, books: bool) -> None:
    """Check the state directory and compare the kernel with it. Nothing is changed.

    No daemon may be running. Each problem is printed on a line of its own. The exit status is 0 if
    everything is in order, 1 if there are problems, and 2 if nothing could be checked. The kernel
    is compared in the boot and the network namespace in which mynetd last used the directory.
    """
    from mynet.server.offline.fsck import examine  # noqa: PLC0415 - likewise
    from mynet.server.offline.fsck.kernel import Comparison, compare_kernel  # noqa: PLC0415 - likewise
    from mynet.server.state.lock_file import lock_unchanged  # noqa: PLC0415 - as in main

    patience: float = click.get_current_context().find_root().params["plugin_timeout"]
    silence()  # the remarks have the errors of plugins
    kernel = Comparison()
    try:
        if not state_dir.is_dir():
            raise _Unchecked(f"there is no directory {state_dir}; name one with --state-dir")
        with lock_unchanged(state_dir):
            report = examine(state_dir, patience)
            if not books:
                kernel = compare_kernel(state_dir, report, patience)
    except CannotStart as error:
        raise _Unchecked(str(error)) from error
    except OSError as error:
        raise _Unchecked(f"{state_dir} cannot be checked: {error}") from error
    for remark in (*report.remarks, *kernel.remarks):
        click.echo(remark, err=True)
    findings = [*report.findings, *kernel.findings]
    for finding in findings:
        click.echo(finding)
    if not findings:
        agrees = "" if books or kernel.remarks else " The kernel agrees."
        click.echo(f"{state_dir} is in order: {report.records.counts()}.{agrees}")
    _end(1 if findings else 0, ended=kernel.ended)


def _end(status: int, *, ended: bool) -> None:
    """End the process, also if a plugin hangs, whose thread would keep the process alive."""
    sys.stdout.flush()
    sys.stderr.flush()
    if not ended:
        os._exit(status)
    click.get_current_context().exit(status)
