"""Every real plan with every real load of the shared data, to the cent."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.properties.pricing_warehouse import PricingWarehouse
from tests.properties.real_cases import real_cases
from tests.properties.test_pricing_against_plain_pricer import MODELS, bills_in, differences, lines_in

REFUSED_PLANS = {
    "GLO742916SRE2@EME": "demandCharges",
}


@pytest.mark.shared_data
def test_bills_over_real_plans_and_real_loads_equal_the_plain_pricer_to_the_cent(
    shared_data: Path, tmp_path: Path
) -> None:
    cases = real_cases(shared_data)
    warehouse = PricingWarehouse(tmp_path)
    warehouse.load(cases)
    first = min(case.contract.first_day for case in cases)
    warehouse.run(first, max(case.contract.last_day for case in cases), MODELS)
    bills, lines = bills_in(warehouse), lines_in(warehouse)
    found = [text for case in cases for text in differences(case, bills[case.contract_id], lines[case.contract_id])]
    assert not found, f"{len(found)} differences\n" + "\n".join(found[:20])
    refused = {
        plan: bills[case.contract_id]["not_priceable_reason"]
        for case in cases
        for plan in case.plans
        if bills[case.contract_id]["not_priceable_reason"]
    }
    assert {plan: construct for plan, construct in REFUSED_PLANS.items() if construct in refused.get(plan, "")} == (
        REFUSED_PLANS
    ), refused
