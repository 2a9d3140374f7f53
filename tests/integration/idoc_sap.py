"""A pretend SAP behind IDoc folders: takes files as a transfer does, posts them, leaves statuses.

Its parser knows nothing of ours: it cuts records at places written down from SAP's lengths.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.sap.errors import ServiceError
from sandbox.sap.readings import create
from tests.unit.sandbox.conftest import World

BEAT_SECONDS = 0.02


@dataclass
class IdocSap:
    """Serves from a thread until it is closed.

    Attributes:
        serials: device by the serial number in its rows.
        is_silent: leaves no status files.
        codes: statuses to leave instead of the right one, one after the other.
        seen: names of files in the order they were taken, and their bytes.
    """

    world: World
    outbox: Path
    inbox: Path
    serials: dict[str, str]
    is_silent: bool = False
    codes: list[str] = field(default_factory=list)
    seen: list[tuple[str, bytes]] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(BEAT_SECONDS):
            self.work()

    def work(self) -> None:
        """Take every finished file; a name that was taken before is not imported again."""
        for path in sorted(self.outbox.glob("*.idoc")):
            content = path.read_bytes()
            is_new = path.name not in {name for name, _ in self.seen}
            self.seen.append((path.name, content))
            if is_new:
                self._import(path.name, content.decode().splitlines())
            path.unlink()

    def _import(self, name: str, lines: list[str]) -> None:
        idocs: dict[str, list[str]] = {}
        for line in lines:
            if line[:8] == "EDI_DC40":
                idocs[line[13:29]] = []
            elif line[:30].strip() == "E1BPEABLU":
                idocs[line[33:49]].append(line[63:])
        statuses = "".join(self._status(number, rows) for number, rows in idocs.items())
        if not self.is_silent:
            part = self.inbox / f".{name}"
            part.write_text(statuses, encoding="ascii")
            part.replace(self.inbox / f"{name}.status")

    def _status(self, number: str, rows: list[str]) -> str:
        code, words = "53", ""
        for row in rows:
            try:
                with self.world.store.writing() as connection:
                    create(connection, self._entity(row), self.world.gateway.refusals)
            except ServiceError as error:
                code, words = "51", f"{error.code} {error.message}"
        code = self.codes.pop(0) if self.codes else code
        kind = "E" if code == "51" else "S"
        return (
            f"EDI_DS40  100{number}20260306010203{code}SAP{'EL':<20}206{kind}{words[:50]:<50}{words[50:100]:<50}"
            f"{'':<50}{'':<50}\n"
        )

    def _entity(self, row: str) -> dict[str, object]:
        day = row[102:110]
        return {
            "DeviceID": self.serials[row[18:36]],
            "RegisterID": row[36:39],
            "ReadingResult": row[61:93].strip(),
            "ReadingDateTime": f"{day[:4]}-{day[4:6]}-{day[6:]}T00:00:00",
            "MeterReadingReasonID": row[39:41],
            "MeterReadingCategoryID": row[97:99],
        }
