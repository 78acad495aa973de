"""Run negbuild as `python -m negbuild`."""

from negbuild.cli import main

main()
