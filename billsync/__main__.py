"""``python -m billsync``: the command line."""

from billsync.cli import main

main()
