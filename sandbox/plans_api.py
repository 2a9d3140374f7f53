"""The pretend plan register: a paged list and one plan's detail, public as the real one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sandbox.cdr import BASE_PATH, CdrError, Page, check_version
from sandbox.http import RawJson, Request, Response, Router, json_response

LIST_VERSION = 1
DETAIL_VERSION = 3
_LISTED = (
    "planId", "effectiveFrom", "effectiveTo", "lastUpdated", "displayName", "type", "fuelType", "brand", "brandName",
    "customerType", "geography",
)  # fmt: skip


class PlansApi:
    """Serves the answers in ``plans/`` as they lie there, so that an edited file is a new version at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def register(self, router: Router) -> None:
        """Add the endpoints to a router."""
        router.add("GET", f"{BASE_PATH}/energy/plans", self.handle_list)
        router.add("GET", f"{BASE_PATH}/energy/plans/{{plan_id}}", self.handle_detail)

    def handle_list(self, request: Request) -> Response:
        """Answer one page of the register."""
        try:
            check_version(request, LIST_VERSION)
            page = Page.of(request.query)
            paths = sorted(self._folder.glob("*.json"))
            shown = paths[page.offset : page.offset + page.size]
            plans = [_summary(json.loads(path.read_text(encoding="utf-8"))) for path in shown]
            return page.wrap(request, {"plans": plans}, len(paths), LIST_VERSION)
        except CdrError as error:
            return error.response()

    def handle_detail(self, request: Request) -> Response:
        """Answer one plan; its numbers go out as they are written in the file."""
        try:
            check_version(request, DETAIL_VERSION)
            payload = {
                "data": self._plan(request.path_parameters["plan_id"]),
                "links": {"self": request.base_url + quote(request.path)},
                "meta": {},
            }
            return json_response(payload, headers=(("x-v", str(DETAIL_VERSION)),))
        except CdrError as error:
            return error.response()

    def _plan(self, plan_id: str) -> RawJson:
        path = self._folder / f"{quote(plan_id, safe='')}.json"
        if not path.is_file():
            raise CdrError(404, "Resource/NotFound", "Resource Not Found", plan_id)
        return RawJson(path.read_text(encoding="utf-8").strip())


def _summary(plan: dict[str, Any]) -> dict[str, Any]:
    return {name: plan[name] for name in _LISTED if name in plan}
