"""What the pretend Orchestrator remembers: queue items and jobs, in a file that outlives its process."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any


class UipathStore:
    """Numbered JSON documents of two kinds; every change is on disk before the answer leaves.

    Args:
        path: the SQLite file, made at first use.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, kind: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """Keep a document under the next number, its ``Id``."""
        with self._opened() as connection:
            cursor = connection.execute("insert into documents (kind, document) values (?, '')", (kind,))
            row = {**document, "Id": cursor.lastrowid}
            connection.execute("update documents set document = ? where id = ?", (json.dumps(row), cursor.lastrowid))
        return row

    def change(self, kind: str, row: Mapping[str, Any]) -> None:
        """Put a document in the place of the one with its ``Id``."""
        with self._opened() as connection:
            connection.execute(
                "update documents set document = ? where id = ? and kind = ?", (json.dumps(row), row["Id"], kind)
            )

    def rows(self, kind: str) -> list[dict[str, Any]]:
        """Every document of a kind, in order of number."""
        with self._opened() as connection:
            found = connection.execute("select document from documents where kind = ? order by id", (kind,))
            return [json.loads(row[0]) for row in found]

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self._path, timeout=30)) as connection, connection:
            connection.execute(
                "create table if not exists documents (id integer primary key autoincrement, kind text, document text)"
            )
            yield connection
