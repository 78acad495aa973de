"""Run negbuild as `python -m negbuild` and as the command `negbuild`."""

import os


def main() -> None:
    """Run one command; Ctrl-C ends it at once while it is still loading, too."""
    try:
        from negbuild.cli import main as run

        run()
    except KeyboardInterrupt:
        os.write(2, b"negbuild: interrupted; run the same command again to go on\n")
        os._exit(130)  # as `terminal.leave`, which may not be loaded yet


if __name__ == "__main__":
    main()
