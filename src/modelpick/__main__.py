"""The program's entry: the answers that need no machinery come first, then the command line."""

from __future__ import annotations

import sys


def main() -> None:
    """Run modelpick on ``sys.argv`` and exit with its status."""
    if sys.argv[1:] == ["--version"]:
        from modelpick import __version__

        sys.stdout.write(f"modelpick {__version__}\n")
        return
    from modelpick.cli.app import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
