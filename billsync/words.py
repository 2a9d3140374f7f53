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
_LONGEST: Final = 1500


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
    what, why, remedy = _foreseen(error) or _unforeseen(error)
    return f"what: {what}\nwhy:  {why}\nfix:  {remedy}"


def _foreseen(error: Exception) -> tuple[str, str, str] | None:
    """What, why and what to do of a failure that has a known cause; None for any other."""
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 - help and usage errors come without it

    from loaders.errors import LoaderError  # noqa: PLC0415 - see above
    from orchestration.dbt_runner import DbtError  # noqa: PLC0415 - see above

    match error:
        case LoaderError():
            return error.what, error.why, error.remedy
        case DbtError():
            return "Preparing the dbt project", _one_line(error), "Correct the model or the profile that it names."
        case SQLAlchemyError():
            said = _one_line(getattr(error, "orig", None) or error)
            remedy = "Check free disk space under BILLSYNC_HOME, and that the database of BILLSYNC_LEDGER_URL answers."
            return "Using a database of billsync's own (ledger, queue, history of runs)", said, remedy
        case OSError():
            place = f" {error.filename}" if error.filename else ""
            why = error.strerror or _one_line(error)
            return f"Reading or writing{place}", why, "Check free disk space, rights and BILLSYNC_HOME."
    return None


def _unforeseen(error: Exception) -> tuple[str, str, str]:
    place = next((handler.baseFilename for handler in logging.getLogger().handlers if _is_file(handler)), None)
    if place:
        # Without a handler of our own Python would show the traceback to the person.
        logging.getLogger(__name__).error("not foreseen", exc_info=error)
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].filename}, line {frames[-1].lineno}" if frames else "an unknown place"
    seen = f"see {place}" if place else "report it"
    return type(error).__name__, _one_line(error), f"This was not foreseen; it happened in {where}. Please {seen}."


def _one_line(error: object) -> str:
    return " ".join(str(error).split())[:_LONGEST]


def _is_file(handler: logging.Handler) -> TypeGuard[logging.FileHandler]:
    return isinstance(handler, logging.FileHandler)
