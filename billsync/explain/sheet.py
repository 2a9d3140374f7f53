"""Blocks of text and tables, written plainly or with rich.

What belongs here: widths, alignment, and text from outside made harmless for a terminal. What stays out: what is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Table:
    """Rows of text under a header.

    Attributes:
        header: names of the columns.
        rows: cells.
        right: places of the columns that are aligned to the right.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: AbstractSet[int] = frozenset()


@dataclass(frozen=True)
class Block:
    """A title with a table, sentences, or both.

    Attributes:
        title: the heading.
        table: the table.
        notes: sentences under the heading.
    """

    title: str
    table: Table | None = None
    notes: Sequence[str] = ()


def printable(text: str) -> str:
    """Text of one line without control characters, which could move a terminal's cursor or colour what follows."""
    return "".join(character if character.isprintable() else " " for character in text)


def plain_block(block: Block) -> list[str]:
    """The block as lines, followed by an empty one."""
    lines = [printable(block.title), *(f"  {printable(note)}" for note in block.notes)]
    if block.table:
        lines += _plain_table(block.table)
    return [*lines, ""]


def _plain_table(table: Table) -> list[str]:
    cells = [list(table.header), *([printable(cell) for cell in row] for row in table.rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(table.header))]
    return [
        "  " + "  ".join(
            cell.rjust(width) if place in table.right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]  # fmt: skip


def print_block(block: Block, console: Console) -> None:
    """The block on a terminal; long cells wrap, nothing is cut off."""
    from rich import box  # noqa: PLC0415 - not needed for plain text
    from rich.table import Table as RichTable  # noqa: PLC0415 - see above
    from rich.text import Text  # noqa: PLC0415 - see above

    console.print(Text(printable(block.title), style="bold"))
    for note in block.notes:
        console.print(Text(f"  {printable(note)}"))
    if block.table:
        shown = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
        for place, name in enumerate(block.table.header):
            shown.add_column(name, justify="right" if place in block.table.right else "left", overflow="fold")
        for row in block.table.rows:
            shown.add_row(*(Text(printable(cell)) for cell in row))
        console.print(shown)
    console.print()
