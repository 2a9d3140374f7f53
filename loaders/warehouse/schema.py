"""The raw layer's tables: one written definition that every reader, writer and dbt source follows.

What belongs here: names, columns and the column that partitions each raw table. Raw keeps records as
delivered, so source fields are text; only our own tags (line numbers, counts, days, instants) are typed.
What stays out: business meaning (``dbt_project/models/staging``) and how a warehouse stores the rows
(the writers beside this file).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

ColumnType = Literal["text", "integer", "date", "timestamp"]


@dataclass(frozen=True)
class RawTable:
    """A raw table.

    Attributes:
        name: table name in schema ``raw``.
        columns: (name, type) pairs in storage order.
        description: the grain and the origin, in one sentence.
    """

    name: str
    columns: tuple[tuple[str, ColumnType], ...]
    description: str

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names in storage order."""
        return tuple(name for name, _ in self.columns)


def _table(name: str, description: str, columns: str) -> RawTable:
    """Build a table from lines of column names; a suffix ``:type`` names a type other than text."""
    parsed: list[tuple[str, ColumnType]] = []
    for word in columns.split():
        column, _, kind = word.partition(":")
        parsed.append((column, kind or "text"))  # type: ignore[arg-type]
    return RawTable(name, tuple(parsed), description)


METER_TABLES = (
    _table(
        "meter_files",
        "One row per delivered file (or zip member, or API answer) of a billing day. source (here and in the other "
        "meter tables): FILE or API; status: ACCEPTED or QUARANTINED; delivered_*: the object in the landing folder.",
        "billing_day:date source file_name delivered_name delivered_byte_count:integer delivered_stamp file_hash "
        "byte_count:integer line_count:integer "
        "record_count:integer accepted_record_count:integer rejected_record_count:integer "
        "version_header created_text from_participant to_participant "
        "has_header:integer has_end:integer status reason_code reason extracted_at:timestamp",
    ),
    _table(
        "meter_headers",
        "One row per 100, 200 and 900 record kept, as delivered.",
        "billing_day:date source file_name line_number:integer record_indicator nmi record_text",
    ),
    _table(
        "meter_interval_records",
        "One row per 300 record (or API channel-day), tagged with its 200 header; interval values still one text.",
        "billing_day:date source file_name line_number:integer "
        "nmi nmi_suffix nmi_configuration register_id mdm_data_stream meter_serial_number unit "
        "interval_length_minutes:integer next_scheduled_read_date "
        "interval_date values_text value_count:integer content_hash "
        "quality_method reason_code reason_description update_text msats_load_text file_created_text",
    ),
    _table(
        "meter_interval_events",
        "One row per 400 record, tied to its 300 by parent_line_number.",
        "billing_day:date source file_name line_number:integer parent_line_number:integer "
        "start_interval end_interval quality_method reason_code reason_description",
    ),
    _table(
        "meter_b2b_details",
        "One row per 500 (record_indicator 500) or 550 record, tied to its 300 or 250 by parent_line_number.",
        "billing_day:date source file_name line_number:integer parent_line_number:integer record_indicator "
        "trans_code ret_service_order read_text index_read previous_trans_code previous_ret_service_order",
    ),
    _table(
        "meter_accumulation_records",
        "One row per 250 record (NEM13).",
        "billing_day:date source file_name line_number:integer "
        "nmi nmi_configuration register_id nmi_suffix mdm_data_stream meter_serial_number direction_indicator "
        "previous_register_read previous_read_text previous_quality_method previous_reason_code "
        "previous_reason_description current_register_read current_read_text current_quality_method "
        "current_reason_code current_reason_description quantity unit next_scheduled_read_date "
        "update_text msats_load_text file_created_text content_hash",
    ),
    _table(
        "rejected_records",
        "One row per record that could not be kept; line_number 0 stands for the whole file.",
        "billing_day:date source file_name line_number:integer record_indicator nmi reason_code reason",
    ),
)

RETAILER_TABLES = (
    _table(
        "retailer_customers",
        "Customers as the retailer's database has them now.",
        "customer_id customer_name email customer_type is_gst_registered updated_at",
    ),
    _table("retailer_contract_accounts", "Contract accounts.", "contract_account_id customer_id"),
    _table(
        "retailer_service_points",
        "Service points (NMIs).",
        "nmi jurisdiction distributor network_tariff_code meter_type delivery is_life_support is_vacant "
        "connection_capability_kw distribution_loss_factor",
    ),
    _table("retailer_contracts", "Contracts.", "contract_id contract_account_id nmi start_date end_date"),
    _table(
        "retailer_contract_plans",
        "Which plan holds for a contract from when.",
        "contract_id plan_id start_date end_date",
    ),
    _table("retailer_contract_terms", "Terms agreed for a contract.", "contract_id term value start_date end_date"),
    _table("retailer_devices", "Devices (meters).", "device_id serial_number nmi installed_date removed_date"),
    _table(
        "retailer_registers",
        "Registers of devices.",
        "device_id register_id nmi_suffix usage_type time_band unit multiplier integer_places decimal_places",
    ),
    _table(
        "retailer_meter_readings",
        "Readings of manually read meters, by reading date.",
        "customer_id meter_id register_id meter_reading reading_date reading_type read_at",
    ),
    _table(
        "retailer_meter_reading_orders",
        "IS-U's meter reading orders; billing_day is the scheduled read date.",
        "billing_day:date meter_reading_order_id contract_id device_id register_id meter_reading_reason "
        "scheduled_read_date period_start_date previous_reading",
    ),
)

_PLAN = "plan_id version_hash "

PLAN_TABLES = (
    _table(
        "plan_versions",
        "One row per distinct answer of the plan register for a plan.",
        _PLAN + "first_seen_billing_day:date effective_from last_updated customer_type pricing_model time_zone "
        "display_name brand content_json",
    ),
    _table(
        "plan_tariff_periods",
        "tariffPeriod entries.",
        _PLAN + "tariff_period_number:integer display_name start_date end_date daily_supply_charge_type "
        "daily_supply_charge time_zone rate_block_type",
    ),
    _table(
        "plan_supply_bands",
        "bandedDailySupplyCharges entries.",
        _PLAN + "tariff_period_number:integer band_number:integer unit_price measure_unit volume",
    ),
    _table(
        "plan_rates",
        "One row per step of a rate. section: TARIFF_PERIOD, CONTROLLED_LOAD or FEED_IN; "
        "rate_block: SINGLE_RATE or TIME_OF_USE; rate_number counts the rates of its parent from 1.",
        _PLAN + "section parent_number:integer rate_block rate_number:integer rate_type display_name description "
        "period daily_supply_charge step_number:integer unit_price measure_unit volume",
    ),
    _table(
        "plan_rate_windows",
        "timeOfUse and timeVariations entries of a rate.",
        _PLAN + "section parent_number:integer rate_number:integer window_number:integer days start_time end_time",
    ),
    _table(
        "plan_controlled_loads",
        "controlledLoad entries.",
        _PLAN + "controlled_load_number:integer display_name rate_block_type start_date end_date",
    ),
    _table(
        "plan_feed_ins",
        "solarFeedInTariff entries.",
        _PLAN + "feed_in_number:integer display_name description scheme payer_type tariff_type start_date end_date",
    ),
    _table(
        "plan_demand_charges",
        "demandCharges entries.",
        _PLAN + "tariff_period_number:integer demand_number:integer display_name description amount measure_unit "
        "start_time end_time days min_demand max_demand measurement_period charge_period",
    ),
    _table("plan_fees", "fees entries.", _PLAN + "fee_number:integer fee_type term amount rate description"),
    _table(
        "plan_discounts",
        "discounts entries.",
        _PLAN + "discount_number:integer display_name description discount_type category end_date method "
        "rate amount usage_amount",
    ),
    _table(
        "plan_green_power",
        "greenPowerCharges entries, one row per tier.",
        _PLAN + "green_power_number:integer display_name description scheme charge_type tier_number:integer "
        "percent_green amount rate",
    ),
    _table(
        "plan_unknown_fields",
        "Fields or enumeration values of a plan that the standard does not name.",
        _PLAN + "field_path field_value",
    ),
)

OTHER_TABLES = (
    _table(
        "market_calendar",
        "One row per jurisdiction, clock (LOCAL, AEST), market day and half hour (1 to 48): what the plan's clock "
        "says at the start of that half hour.",
        "jurisdiction clock market_date:date half_hour:integer local_date:date local_start_minute:integer "
        "weekday is_public_holiday:integer is_business_day:integer",
    ),
    _table(
        "source_outcomes",
        "How the last read of each source went for a billing day.",
        "billing_day:date source_name status detail row_count:integer started_at:timestamp finished_at:timestamp",
    ),
    _table(
        "read_edits",
        "Snapshot of people's edits of reads: who, when, why, and whether withdrawn. Their records lie in the meter "
        "tables as source MANUAL under file_name.",
        "edit_id kind nmi nmi_suffix market_date:date values_text billing_day:date version_text file_name "
        "made_by made_at:timestamp reason withdrawn_by withdrawn_at:timestamp withdrawn_reason",
    ),
    _table(
        "exception_queue",
        "Snapshot of the exception queue.",
        "exception_id billing_day:date rule_code severity nmi nmi_suffix contract_id first_market_date:date "
        "last_market_date:date detail state state_reason state_actor state_at:timestamp detected_at:timestamp",
    ),
    _table(
        "load_ledger",
        "Snapshot of the load ledger: what is known of every reading sent to SAP.",
        "reading_key meter_reading_order_id billing_day:date contract_id device_id register_id reading_date:date "
        "meter_reading_reason reading_result unrounded_reading content_hash state sap_document_id sap_status_code "
        "attempt_count:integer message updated_at:timestamp",
    ),
    _table(
        "sap_meter_reading_orders",
        "Meter reading orders that SAP sent by SOAP and has cancelled since: a copy of our order book.",
        "meter_reading_order_id state meter_reading_reason scheduled_read_date:date device_id task_id obis_code nmi "
        "previous_reading previous_read_date:date received_at:timestamp cancelled_at:timestamp changed_at:timestamp",
    ),
    _table(
        "sap_profiles",
        "Channels whose intervals go to SAP's energy data management, and the number of each profile there.",
        "nmi nmi_suffix profile_number",
    ),
    _table(
        "sap_billed_consumption",
        "ContractConsumptionValues as SAP last answered, one row per contract and period.",
        "contract_id start_date:date end_date:date period_type billed_amount currency consumption_value "
        "consumption_unit meter_reading_category read_at:timestamp",
    ),
)

LONGEST_IDS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "nmi": 40,
        "nmi_suffix": 20,
        "customer_id": 40,
        "contract_account_id": 40,
        "contract_id": 40,
        "plan_id": 100,
        "device_id": 30,
        "meter_id": 30,
        "register_id": 10,
        "meter_reading_order_id": 40,
        "meter_reading_reason": 2,
    }
)
"""Bytes of an identifier (UTF-8) that marts, queue and ledger keep on every database: at least what the market and SAP
give it. A longer one is refused where it comes in, as one database would cut it without a word and another keep it."""


def overlong_id(column: str, text: str | None) -> str | None:
    """Say what is wrong with an identifier that is too long to be one; None when nothing is."""
    longest = LONGEST_IDS.get(column)
    if longest is None or text is None or len(text) * 4 <= longest or len(text.encode()) <= longest:
        return None
    return f"the {column} {text[:30]!r}… has {len(text)} characters, more than the {longest} that are kept"


RAW_TABLES: dict[str, RawTable] = {
    table.name: table for table in (*METER_TABLES, *RETAILER_TABLES, *PLAN_TABLES, *OTHER_TABLES)
}
