"""The entry point of ``mynetctl``.

It imports all other modules late, so that Ctrl-C prints no traceback even during the imports.
"""

import gc
import sys
from typing import NoReturn

_INTERRUPTED = 130  # shells report 128 plus the number of the signal


def main() -> NoReturn:
    """Run the command that the arguments name, and exit."""
    gc.disable()  # a call ends before there is garbage that is worth a search
    try:
        from mynet.cli.program import mynetctl

        mynetctl.main(prog_name="mynetctl")
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
