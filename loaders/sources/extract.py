"""What every extract returns: files to put into the raw layer, and what a person wants to see of them.

What belongs here: the shared result type. What stays out: any source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from loaders.warehouse.base import RawWrite


@dataclass(frozen=True)
class Extract:
    """The outcome of reading one source for one billing day; nothing is in the warehouse yet.

    Attributes:
        source_name: the source, as in ``raw.source_outcomes``.
        writes: to be handed to ``Warehouse.replace`` together, so that they take effect together.
        row_counts: staged rows by raw table.
        preview: a few rows of the main table, values as text.
        detail: facts about the read (files, requests); no secret among them.
        failures: single items that could not be read although the source was there; the source is then incomplete.
    """

    source_name: str
    writes: Sequence[RawWrite]
    row_counts: Mapping[str, int]
    preview: Sequence[Mapping[str, str | None]] = ()
    detail: Mapping[str, object] = field(default_factory=dict)
    failures: Sequence[str] = ()

    @property
    def row_count(self) -> int:
        """Staged rows of all tables."""
        return sum(self.row_counts.values())
