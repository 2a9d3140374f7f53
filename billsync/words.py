"""Errors in plain words, with the exit status that goes with them.

What belongs here: the one place that turns an exception into what a person reads. Exit status 1: the day (or the
command) is not complete; 2: wrong usage or configuration.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import click

from billsync.settings import ConfigurationError

NOT_COMPLETE: Final = 1
WRONG_USAGE: Final = 2


@contextmanager
def plain_errors() -> Iterator[None]:
    """Say what, why and what to do instead of a traceback, for failures that are foreseen."""
    try:
        yield
    except ConfigurationError as error:
        click.echo(f"configuration: {error}", err=True)
        sys.exit(WRONG_USAGE)
    except Exception as error:
        from loaders.errors import LoaderError  # noqa: PLC0415 - help and usage errors come without it

        if not isinstance(error, LoaderError):
            raise
        click.echo(f"what: {error.what}\nwhy:  {error.why}\nfix:  {error.remedy}", err=True)
        sys.exit(NOT_COMPLETE)
