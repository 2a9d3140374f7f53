"""Leases: one holder at a time, the dead give way, the living do not."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date

import pytest
from sqlalchemy.engine import Engine

from loaders.sap_isu.lease import (
    Lease,
    LeaseHeldError,
    LeaseLostError,
    day_lease,
    is_surely_dead,
    new_holder,
    refuse_if_held,
)

NAMES = (day_lease(date(2026, 3, 5)), day_lease(date(2026, 3, 6)))


@pytest.fixture
def engine(operations: Engine) -> Engine:
    return operations


def holder_of_ended_process() -> str:
    code = "from loaders.sap_isu.lease import new_holder; print(new_holder())"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout.strip()


def test_acquire_free_lease_is_held_until_released(engine: Engine) -> None:
    with Lease(engine, NAMES) as lease, engine.begin() as connection:
        lease.verify(connection)
        with pytest.raises(LeaseHeldError, match=f"process {os.getpid()}"):
            refuse_if_held(connection, NAMES)
    with engine.begin() as connection:
        refuse_if_held(connection, NAMES)


def test_acquire_where_one_of_several_is_held_takes_none(engine: Engine) -> None:
    with Lease(engine, NAMES[1:]):
        with pytest.raises(LeaseHeldError, match="sap_load:2026-03-06"):
            Lease(engine, NAMES).acquire()
        Lease(engine, NAMES[:1]).acquire()


def test_acquire_lease_that_ran_out_is_taken_and_the_old_holder_notices(engine: Engine) -> None:
    old = Lease(engine, NAMES, seconds=-1)
    old.acquire()
    Lease(engine, NAMES).acquire()
    with pytest.raises(LeaseLostError, match="and 1 more"), engine.begin() as connection:
        old.verify(connection)


def test_acquire_lease_of_a_dead_process_is_taken_at_once(engine: Engine) -> None:
    Lease(engine, NAMES, holder=holder_of_ended_process()).acquire()
    Lease(engine, NAMES).acquire()


def test_is_surely_dead_only_where_this_machine_can_know() -> None:
    machine, _, start, unique = new_holder().split("|")
    assert not is_surely_dead(new_holder())
    assert is_surely_dead(holder_of_ended_process())
    assert not is_surely_dead(f"elsewhere/1/2|1|{start}|{unique}")
    assert not is_surely_dead("words of another version")
    assert is_surely_dead(f"{machine}|{os.getpid()}|another start|{unique}")


def test_release_leaves_a_lease_that_another_took_meanwhile(engine: Engine) -> None:
    old = Lease(engine, NAMES, seconds=-1)
    old.acquire()
    new = Lease(engine, NAMES)
    new.acquire()
    old.release()
    with engine.begin() as connection:
        new.verify(connection)
