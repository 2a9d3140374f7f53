"""What dbt announces while it runs: the results we want, and none of the talk we do not.

What belongs here: turning dbt's result events into plain data, and keeping its debug events from being built. What
stays out: running dbt (``dbt_runner.py``).

dbt makes some twenty-five events per model, nearly all at level debug for a log file that we do not write. Dressing
each as a message cost a tenth of a small day's dbt time.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

RESULT_EVENTS: Final = frozenset({"LogModelResult", "LogSeedResult", "LogSnapshotResult", "LogTestResult"})


@dataclass(frozen=True)
class DbtEvent:
    """One result that dbt announced: the event's info and data as dictionaries."""

    info: dict[str, Any]
    data: dict[str, Any]

    @property
    def is_error(self) -> bool:
        """Whether the node could not be run at all, as against a test that found something."""
        return str(self.data.get("status", "")).lower() == "error"

    def as_raw_event(self) -> dict[str, Any]:
        """The shape that dagster-dbt reads."""
        return {"info": self.info, "data": self.data}


def announcer(take: Callable[[DbtEvent], None]) -> Callable[[Any], None]:
    """A callback for dbt that hands on results and drops everything else."""
    from google.protobuf.json_format import MessageToDict  # noqa: PLC0415 - loaded when dbt runs

    def announce(event: Any) -> None:
        if event.info.name in RESULT_EVENTS:
            info = MessageToDict(event.info, preserving_proto_field_name=True)
            take(DbtEvent(info, MessageToDict(event.data, preserving_proto_field_name=True)))

    return announce


@functools.cache
def drop_debug_events() -> None:
    """Let dbt's event manager pass over debug events while nobody logs them; once per process."""
    from dbt_common.events.base_types import BaseEvent, EventLevel  # noqa: PLC0415 - loaded when dbt runs
    from dbt_common.events.event_manager import EventManager  # noqa: PLC0415
    from dbt_common.events.event_manager_client import ctx_set_event_manager  # noqa: PLC0415

    class QuietEvents(EventManager):
        """Dbt's own manager, deaf to debug events unless a logger listens."""

        def fire_event(
            self,
            e: BaseEvent,
            level: EventLevel | None = None,
            node: Any = None,
            force_warn_or_error_handling: bool = False,  # noqa: FBT001, FBT002 - dbt's signature
        ) -> None:
            if self.loggers or force_warn_or_error_handling or (level or e.level_tag()) != EventLevel.DEBUG:
                super().fire_event(e, level, node, force_warn_or_error_handling)

    ctx_set_event_manager(QuietEvents())
