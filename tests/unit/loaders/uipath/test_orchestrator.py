"""The client against the pretend tenant: tokens, folders, refusals in Orchestrator's words."""

from __future__ import annotations

import pytest

from loaders.errors import PermanentError
from loaders.http import HttpSession
from loaders.uipath.orchestrator import Orchestrator, OrchestratorRefusal, literal
from loaders.uipath.tokens import EARLY_SECONDS, ClientCredentials, PersonalToken
from sandbox.uipath import BASE_PATH, FOLDER_PATH, TOKEN_PATH
from tests.unit.loaders.uipath.tenant import QUEUE, World


def test_a_folder_is_named_by_number_or_by_path(uipath: World) -> None:
    assert uipath.orchestrator().greet() == uipath.orchestrator(FOLDER_PATH).greet() == 3


def test_no_folder_at_all_is_told_as_such(uipath: World) -> None:
    with pytest.raises(OrchestratorRefusal, match="organization unit") as caught:
        uipath.orchestrator("").greet()
    assert caught.value.error_code == 1101
    assert "BILLSYNC_UIPATH_FOLDER" in caught.value.remedy


def test_a_personal_token_lets_in_and_a_wrong_one_is_refused_without_being_shown(uipath: World) -> None:
    def client(token: str) -> Orchestrator:
        return Orchestrator(HttpSession(), PersonalToken(token), f"{uipath.server.url}{BASE_PATH}", FOLDER_PATH)

    assert client("personal-token").queue(QUEUE).is_unique
    with pytest.raises(OrchestratorRefusal, match="401") as caught:
        client("wrong-token").greet()
    assert "wrong-token" not in str(caught.value)


def test_a_token_is_kept_until_shortly_before_its_end(uipath: World) -> None:
    uipath.tenant.token_seconds = 600
    now = [0.0]
    tokens = ClientCredentials(
        HttpSession(), f"{uipath.server.url}{TOKEN_PATH}", "billsync", "app-secret", "OR.Queues", lambda: now[0]
    )
    first = tokens.current()
    now[0] = 600 - EARLY_SECONDS - 1
    assert tokens.current() == first
    now[0] = 600 - EARLY_SECONDS
    assert tokens.current() != first


def test_a_token_endpoint_that_is_none_is_named(uipath: World) -> None:
    tokens = ClientCredentials(HttpSession(), f"{uipath.server.url}/elsewhere", "billsync", "app-secret", "OR.Queues")
    with pytest.raises(PermanentError, match="_TOKEN_URL"):
        tokens.current()


def test_a_secret_is_in_no_repr(uipath: World) -> None:
    shown = f"{uipath.orchestrator()!r} {PersonalToken('hidden-token')!r}"
    assert "app-secret" not in shown
    assert "hidden-token" not in shown


def test_literal_doubles_quotes() -> None:
    assert literal("O'Brien") == "'O''Brien'"


def test_a_reference_is_found_whatever_characters_it_has(uipath: World) -> None:
    client = uipath.orchestrator()
    client.add_item(QUEUE, "it's one", "Low", {"A": "1"})
    assert set(client.items(client.queue(QUEUE), ["it's one", "another"])) == {"it's one"}
