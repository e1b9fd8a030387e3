"""All faults of a command's options at once. By itself click ends with the first one."""

from collections.abc import Iterable, Iterator, Mapping

import click


class Options(click.Group):
    """A group that reports all options with invalid values."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line. Raises click.UsageError."""
        given = [*args]
        try:
            return super().parse_args(ctx, args)
        except click.BadParameter:
            options, _, _ = self.make_parser(ctx).parse_args(given)
            faults = [*_faults(self.get_params(ctx), ctx, options)]
            if len(faults) <= 1:
                raise
        raise click.UsageError("\n".join((f"{len(faults)} options are invalid.", *faults)), ctx)


def _faults(
    params: Iterable[click.Parameter], ctx: click.Context, options: Mapping[str, object]
) -> Iterator[str]:
    """Yield what is wrong with each value of the command line, the environment and the file."""
    for param in params:
        try:
            value, _ = param.consume_value(ctx, options)
            param.process_value(ctx, value)
        except click.BadParameter as fault:
            fault.ctx, fault.param = fault.ctx or ctx, fault.param or param
            yield fault.format_message()
