import collections

import pytest

from sandbox.generate_defects import plant_defects
from sandbox.generate_orders import Spec, assign_closings
from sandbox.generate_population import build_population


def _book(spec: Spec):
    everyone = build_population(spec.service_points + 40, spec.seed, spec.day)
    points = everyone[: spec.service_points]
    assign_closings(points, spec)
    return points, plant_defects(points, everyone[spec.service_points :], spec)


@pytest.mark.parametrize("size", [200, 320, 2000])
@pytest.mark.parametrize("seed", range(6))
def test_plant_defects_any_seed_and_size_plants_the_same_kinds_and_numbers(size, seed):
    _, book = _book(Spec(service_points=size, seed=seed))
    _, default = _book(Spec())
    count = collections.Counter(plant.rule_code for plant in book.plants)
    assert count == collections.Counter(plant.rule_code for plant in default.plants)


def test_plant_defects_no_point_carries_two_defects_but_those_that_come_together():
    _, book = _book(Spec())
    together = {"ESTIMATES_IN_A_ROW", "LIFE_SUPPORT_HELD", "REGISTER_BACKWARDS"}
    victims = [plant.nmi for plant in book.plants if plant.nmi and plant.rule_code not in together]
    assert len(victims) == len(set(victims))
    assert {plant.nmi for plant in book.plants if plant.rule_code in together} <= set(victims)


def test_plant_defects_touch_the_closing_period_or_the_demo_day():
    spec = Spec()
    points, book = _book(spec)
    closings = {point.contract_id: point.closing for point in points}
    for plant in book.plants:
        closing = closings.get(plant.contract_id or "")
        if plant.first_market_date:
            begin = closing.period_start if closing else spec.day
            assert plant.first_market_date <= plant.last_market_date <= spec.day
            assert begin <= plant.last_market_date


def test_plant_defects_bills_of_life_support_sites_are_held_only_where_planted():
    points, book = _book(Spec())
    planted = {plant.nmi for plant in book.plants if plant.rule_code == "LIFE_SUPPORT_HELD"}
    assert {point.nmi for point in points if point.index in book.victims and point.is_life_support} == planted


@pytest.mark.parametrize(
    "spec", [Spec(service_points=199), Spec(days=29), Spec(closings=79)], ids=["points", "days", "closings"]
)
def test_plant_defects_seed_too_small_plants_none(spec):
    _, book = _book(spec)
    assert book.plants == []
    assert book.edits == {}
