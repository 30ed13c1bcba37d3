"""The program's entry: the answers that need no machinery come first, then the command line."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Run modelpick on ``sys.argv`` and exit with its status."""
    # An answer lives for a tenth of a second: looking for cycles every 700 objects is a twentieth of it.
    gc.set_threshold(50_000, 20, 20)
    if sys.argv[1:] == ["--version"]:
        from modelpick import __version__

        sys.stdout.write(f"modelpick {__version__}\n")
        return
    if "_MODELPICK_COMPLETE" in os.environ:
        from modelpick.cli.complete import answer

        completions = answer(os.environ)
        if completions is not None:
            sys.stdout.write(completions)
            return
    from modelpick.cli.quick import import_click

    import_click()
    from modelpick.cli.app import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
