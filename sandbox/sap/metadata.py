"""The service document and ``$metadata`` (EDMX) of the pretend gateway, written from the entity model."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree as ET

from sandbox.sap.model import BY_SET, ENTITY_TYPES, NAMESPACE, EntityType, Navigation, Property

_EDMX = "http://schemas.microsoft.com/ado/2007/06/edmx"
_EDM = "http://schemas.microsoft.com/ado/2008/09/edm"
_M = "http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"
_SAP = "http://www.sap.com/Protocols/SAPData"
_APP = "http://www.w3.org/2007/app"
_ATOM = "http://www.w3.org/2005/Atom"
_PRECISION = 31
_CREATABLE = "MeterReadingResults"


def edmx() -> bytes:
    """Write the EDMX document."""
    for prefix, uri in (("edmx", _EDMX), ("m", _M), ("sap", _SAP)):
        ET.register_namespace(prefix, uri)
    root = ET.Element(f"{{{_EDMX}}}Edmx", {"Version": "1.0"})
    services = ET.SubElement(root, f"{{{_EDMX}}}DataServices", {f"{{{_M}}}DataServiceVersion": "2.0"})
    schema = ET.SubElement(services, f"{{{_EDM}}}Schema", {"Namespace": NAMESPACE})
    for entity in ENTITY_TYPES:
        _add_type(schema, entity)
    for source, name, navigation in _navigations():
        _add_association(schema, source, name, navigation)
    _add_container(schema)
    return _written(root)


def service_document() -> bytes:
    """Write the Atom service document that lists the sets."""
    ET.register_namespace("app", _APP)
    ET.register_namespace("atom", _ATOM)
    root = ET.Element(f"{{{_APP}}}service")
    workspace = ET.SubElement(root, f"{{{_APP}}}workspace")
    ET.SubElement(workspace, f"{{{_ATOM}}}title").text = "Data"
    for entity in ENTITY_TYPES:
        collection = ET.SubElement(workspace, f"{{{_APP}}}collection", {"href": entity.set_name})
        ET.SubElement(collection, f"{{{_ATOM}}}title").text = entity.set_name
    return _written(root)


def _written(root: ET.Element) -> bytes:
    return b'<?xml version="1.0" encoding="utf-8"?>' + ET.tostring(root, encoding="unicode").encode()


def _navigations() -> Iterator[tuple[EntityType, str, Navigation]]:
    for entity in ENTITY_TYPES:
        for name, navigation in entity.navigations.items():
            yield entity, name, navigation


def _association(source: EntityType, name: str) -> str:
    return f"{source.name}_{name}"


def _add_type(schema: ET.Element, entity: EntityType) -> None:
    node = ET.SubElement(schema, f"{{{_EDM}}}EntityType", {"Name": entity.name})
    key = ET.SubElement(node, f"{{{_EDM}}}Key")
    for name in entity.keys:
        ET.SubElement(key, f"{{{_EDM}}}PropertyRef", {"Name": name})
    for prop in entity.properties:
        ET.SubElement(node, f"{{{_EDM}}}Property", _property_attributes(entity, prop))
    for name in entity.navigations:
        association = _association(entity, name)
        ET.SubElement(
            node,
            f"{{{_EDM}}}NavigationProperty",
            {
                "Name": name,
                "Relationship": f"{NAMESPACE}.{association}",
                "FromRole": f"From_{association}",
                "ToRole": f"To_{association}",
            },
        )


def _property_attributes(entity: EntityType, prop: Property) -> dict[str, str]:
    attributes = {"Name": prop.name, "Type": prop.edm, "Nullable": str(prop.nullable).lower()}
    if prop.edm == "Edm.String":
        attributes["MaxLength"] = str(prop.size)
    elif prop.edm == "Edm.Decimal":
        attributes |= {"Precision": str(_PRECISION), "Scale": str(prop.size)}
    elif prop.edm == "Edm.DateTime":
        attributes["Precision"] = "0"
    creatable = entity.set_name == _CREATABLE
    attributes |= {
        f"{{{_SAP}}}creatable": str(creatable).lower(),
        f"{{{_SAP}}}updatable": "false",
        f"{{{_SAP}}}filterable": str(entity.may_filter(prop.name)).lower(),
    }
    return attributes


def _add_association(schema: ET.Element, source: EntityType, name: str, navigation: Navigation) -> None:
    association = _association(source, name)
    node = ET.SubElement(schema, f"{{{_EDM}}}Association", {"Name": association})
    target = BY_SET[navigation.target]
    ends = (
        (source.name, f"From_{association}", "1"),
        (target.name, f"To_{association}", "*" if navigation.is_many else "0..1"),
    )
    for type_name, role, multiplicity in ends:
        ET.SubElement(
            node,
            f"{{{_EDM}}}End",
            {"Type": f"{NAMESPACE}.{type_name}", "Role": role, "Multiplicity": multiplicity},
        )


def _add_container(schema: ET.Element) -> None:
    container = ET.SubElement(
        schema,
        f"{{{_EDM}}}EntityContainer",
        {"Name": NAMESPACE, f"{{{_M}}}IsDefaultEntityContainer": "true"},
    )
    for entity in ENTITY_TYPES:
        creatable = entity.set_name == _CREATABLE
        ET.SubElement(
            container,
            f"{{{_EDM}}}EntitySet",
            {
                "Name": entity.set_name,
                "EntityType": f"{NAMESPACE}.{entity.name}",
                f"{{{_SAP}}}creatable": str(creatable).lower(),
                f"{{{_SAP}}}updatable": "false",
                f"{{{_SAP}}}deletable": "false",
            },
        )
    for source, name, navigation in _navigations():
        association = _association(source, name)
        node = ET.SubElement(
            container,
            f"{{{_EDM}}}AssociationSet",
            {"Name": f"{association}Set", "Association": f"{NAMESPACE}.{association}"},
        )
        for set_name, role in ((source.set_name, "From"), (navigation.target, "To")):
            ET.SubElement(node, f"{{{_EDM}}}End", {"EntitySet": set_name, "Role": f"{role}_{association}"})
    function = ET.SubElement(
        container,
        f"{{{_EDM}}}FunctionImport",
        {
            "Name": "GetRegistersToReadForDevice",
            "ReturnType": f"Collection({NAMESPACE}.RegisterToRead)",
            "EntitySet": "RegistersToRead",
            f"{{{_M}}}HttpMethod": "GET",
        },
    )
    ET.SubElement(
        function, f"{{{_EDM}}}Parameter", {"Name": "DeviceID", "Type": "Edm.String", "Mode": "In", "MaxLength": "18"}
    )
