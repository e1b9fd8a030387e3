"""The program ``mynetctl``. It imports the rest late: Ctrl-C is quiet from the first moment."""

import sys
from typing import NoReturn

_INTERRUPTED = 130  # as shells say it: 128 and the number of SIGINT


def main() -> NoReturn:
    """Run the command that the arguments name, and end the process."""
    try:
        from mynet.cli.root import mynetctl

        mynetctl.main(prog_name="mynetctl")
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
