"""Errors in plain words, with the exit status that goes with them.

What belongs here: the one place that turns an exception into what a person reads. Exit status 1: the day (or the
command) is not complete; 2: wrong usage or configuration.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TypeGuard

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
    except click.ClickException:
        raise
    except Exception as error:  # noqa: BLE001 - the last place before the person; the log has the traceback
        click.echo(_told(error), err=True)
        sys.exit(NOT_COMPLETE)


def _told(error: Exception) -> str:
    """What a person reads of an error."""
    from loaders.errors import LoaderError  # noqa: PLC0415 - help and usage errors come without it

    if isinstance(error, LoaderError):
        return f"what: {error.what}\nwhy:  {error.why}\nfix:  {error.remedy}"
    logging.getLogger(__name__).error("not foreseen", exc_info=error)
    place = next((handler.baseFilename for handler in logging.getLogger().handlers if _is_file(handler)), None)
    where = f"see {place}" if place else "".join(traceback.format_exception(error))
    return f"what: {type(error).__name__}\nwhy:  {error}\nfix:  {where}"


def _is_file(handler: logging.Handler) -> TypeGuard[logging.FileHandler]:
    return isinstance(handler, logging.FileHandler)
