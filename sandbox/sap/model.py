"""The entity model of the pretend ERP_UTILITIES_UMC: one written definition for answers, filters and ``$metadata``.

Names, keys and lengths follow the service's public traces; nothing here reads data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

NAMESPACE = "ERP_UTILITIES_UMC"
SERVICE_PATH = "/sap/opu/odata/sap/ERP_UTILITIES_UMC/"

EdmType = Literal["Edm.String", "Edm.Decimal", "Edm.DateTime", "Edm.Boolean"]


@dataclass(frozen=True)
class Property:
    """One property of an entity type; ``size`` is a length, or the scale of a decimal."""

    name: str
    edm: EdmType
    size: int = 0
    nullable: bool = True


@dataclass(frozen=True)
class Navigation:
    """A way from one entity to others: ``join`` maps a property of the target to one of the source."""

    target: str
    join: Mapping[str, str]
    is_many: bool = True


@dataclass(frozen=True)
class EntityType:
    """An entity type with its set; ``filterable`` None means every text and date property."""

    name: str
    set_name: str
    keys: tuple[str, ...]
    properties: tuple[Property, ...]
    navigations: Mapping[str, Navigation] = field(default_factory=dict)
    filterable: frozenset[str] | None = None

    def property(self, name: str) -> Property | None:
        """Find a property by name."""
        return next((p for p in self.properties if p.name == name), None)

    def may_filter(self, name: str) -> bool:
        """Say whether ``$filter`` may name this property."""
        if self.filterable is not None:
            return name in self.filterable
        found = self.property(name)
        return found is not None and found.edm in {"Edm.String", "Edm.DateTime", "Edm.Boolean"}


def _properties(text: str) -> tuple[Property, ...]:
    """Read ``Name:S20! Name:N14 Name:D Name:B``; ``!`` is not null, N a decimal with that scale."""
    found = []
    for word in text.split():
        name, _, kind = word.partition(":")
        nullable = not kind.endswith("!")
        kind = kind.rstrip("!")
        edm: EdmType = "Edm.String"
        if kind[0] == "N":
            edm = "Edm.Decimal"
        elif kind[0] == "D":
            edm = "Edm.DateTime"
        elif kind[0] == "B":
            edm = "Edm.Boolean"
        found.append(Property(name, edm, int(kind[1:] or 0), nullable))
    return tuple(found)


_RESULT_PROPERTIES = _properties(
    "MeterReadingResultID:S20! DeviceID:S18! RegisterID:S3! ReadingResult:N14! ReadingDateTime:D ReadingUnit:S3 "
    "MeterReadingNoteID:S4 Consumption:N14 MeterReadingReasonID:S2 MeterReadingCategoryID:S2 MeterReadingStatusID:S1 "
    "SerialNumber:S18 MultipleMeterReadingReasonsFlag:B"
)

ENTITY_TYPES: tuple[EntityType, ...] = (
    EntityType(
        "MeterReadingResult",
        "MeterReadingResults",
        ("MeterReadingResultID",),
        _RESULT_PROPERTIES,
        {
            "Device": Navigation("Devices", {"DeviceID": "DeviceID"}, is_many=False),
            # The registers read together: the same device at the same moment for the same reason.
            "DependentMeterReadingResults": Navigation(
                "MeterReadingResults",
                {
                    "DeviceID": "DeviceID",
                    "ReadingDateTime": "ReadingDateTime",
                    "MeterReadingReasonID": "MeterReadingReasonID",
                },
            ),
        },
    ),
    EntityType(
        "RegisterToRead",
        "RegistersToRead",
        ("DeviceID", "RegisterID"),
        _properties(
            "DeviceID:S18! RegisterID:S3! RegisterTypeID:S2 ReadingUnit:S3 IntegerPlaces:S2 DecimalPlaces:S2 "
            "NoMeterReadingOrderFlag:B PreviousMeterReadingResult:N14 PreviousMeterReadingDate:D "
            "PreviousMeterReadingReasonID:S2 PreviousMeterReadingCategoryID:S2 SerialNumber:S18 Multiplier:N14"
        ),
        {"Device": Navigation("Devices", {"DeviceID": "DeviceID"}, is_many=False)},
    ),
    EntityType(
        "Device",
        "Devices",
        ("DeviceID",),
        _properties(
            "DeviceID:S18! ContractID:S10 DivisionID:S2 SerialNumber:S18 FunctionClass:S8 DeviceMaterial:S18 "
            "DeviceLocation:S40 DeviceDescription:S30 InstallationID:S10"
        ),
        {
            "RegistersToRead": Navigation("RegistersToRead", {"DeviceID": "DeviceID"}),
            "MeterReadingResults": Navigation("MeterReadingResults", {"DeviceID": "DeviceID"}),
            "Contract": Navigation("Contracts", {"ContractID": "ContractID"}, is_many=False),
        },
    ),
    EntityType(
        "Contract",
        "Contracts",
        ("ContractID",),
        _properties(
            "ContractID:S10! Description:S35 ContractAccountID:S12 DivisionID:S2 PremiseID:S10 MoveInDate:D "
            "MoveOutDate:D ProcessingStatus:S50 HistoricFlag:B"
        ),
        {
            "Devices": Navigation("Devices", {"ContractID": "ContractID"}),
            "MeterReadingResults": Navigation("MeterReadingResults", {"ContractID": "ContractID"}),
            "ContractConsumptionValues": Navigation("ContractConsumptionValues", {"ContractID": "ContractID"}),
            "ContractAccount": Navigation(
                "ContractAccounts", {"ContractAccountID": "ContractAccountID"}, is_many=False
            ),
        },
    ),
    EntityType(
        "ContractAccount",
        "ContractAccounts",
        ("ContractAccountID",),
        _properties("ContractAccountID:S12! AccountID:S10 Description:S35"),
        {
            "Contracts": Navigation("Contracts", {"ContractAccountID": "ContractAccountID"}),
            "Invoices": Navigation("Invoices", {"ContractAccountID": "ContractAccountID"}),
            "Account": Navigation("Accounts", {"AccountID": "AccountID"}, is_many=False),
        },
    ),
    EntityType(
        "Account",
        "Accounts",
        ("AccountID",),
        _properties("AccountID:S10! AccountTypeID:S1 FullName:S80"),
        {
            "ContractAccounts": Navigation("ContractAccounts", {"AccountID": "AccountID"}),
            "Invoices": Navigation("Invoices", {"AccountID": "AccountID"}),
        },
    ),
    EntityType(
        "ContractConsumptionValue",
        "ContractConsumptionValues",
        ("ContractID", "ConsumptionPeriodTypeID", "StartDate"),
        _properties(
            "ContractID:S10! ConsumptionPeriodTypeID:S2! StartDate:D! EndDate:D BilledAmount:N3 Currency:S5 "
            "ConsumptionValue:N14 ConsumptionUnit:S3 BillingPeriodYear:S4 BillingPeriodMonth:S2 "
            "MeterReadingCategoryID:S2"
        ),
    ),
    EntityType(
        "Invoice",
        "Invoices",
        ("InvoiceID",),
        _properties(
            "InvoiceID:S40! AccountID:S10 ContractAccountID:S12 AmountDue:N3 Currency:S5 DueDate:D InvoiceDate:D "
            "AmountPaid:N3 AmountRemaining:N3 InvoiceDescription:S140 InvoiceStatusID:S2"
        ),
        {
            "ContractAccount": Navigation(
                "ContractAccounts", {"ContractAccountID": "ContractAccountID"}, is_many=False
            ),
        },
        frozenset({"InvoiceDate", "InvoiceStatusID"}),
    ),
)

BY_SET: Mapping[str, EntityType] = {entity.set_name: entity for entity in ENTITY_TYPES}
