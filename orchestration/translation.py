"""How dbt nodes appear in Dagster: keys, groups, owners, kinds, dependencies and checks.

What belongs here: pure mapping from the manifest to asset and check specs. What stays out: running dbt.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings
from dagster_dbt.dbt_project import DbtProject

from orchestration.partitions import MARKET_TIME_ZONE
from orchestration.stages import ORDER, REPORTING, WRITTEN_BY, reads_feedback, stage_of

RAW_SCHEMA: Final = "raw"
# Who answers for what: the team named on an asset is the one an alert about it speaks to.
OWNER_OF_GROUP: Final[Mapping[str, str]] = {
    "sources": "team:data-engineering",
    "staging": "team:data-engineering",
    "reference": "team:billing-analysts",
    "reads": "team:billing-analysts",
    "sap": "team:billing-operations",
    "exceptions": "team:billing-operations",
    "reporting": "team:billing-operations",
}
DEFAULT_OWNER: Final = "team:billing-analysts"

# Loaded by the schedule at 06:00; a table that is older than this by 09:00 is late.
FRESH_BY_MORNING: Final = dg.FreshnessPolicy.cron(
    deadline_cron="0 9 * * *", lower_bound_delta=timedelta(hours=24), timezone=MARKET_TIME_ZONE
)


def owner_of(group: str) -> str:
    """The team that owns a group's assets."""
    return OWNER_OF_GROUP.get(group, DEFAULT_OWNER)


def raw_key(table: str) -> dg.AssetKey:
    """The asset of a raw table."""
    return dg.AssetKey([RAW_SCHEMA, table])


EXCEPTIONS_AFTER_LOAD: Final = raw_key("exception_queue_after_load")
METERING_API: Final = raw_key("metering_api")
READ_EDITS: Final = raw_key("read_edits")
# Tables that both the meter files and the metering API write; the asset of the table is the files'.
METER_RECORD_TABLES: Final = frozenset({"meter_files", "meter_interval_records", "rejected_records"})


def prepare_manifest(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest as Dagster should see it: every test belongs to the last built of the nodes that it reads.

    dbt attaches a test to the node whose YAML it stands in, and a singular test of several nodes to none. A test can
    only run after all of its nodes are built, so it becomes a check of the one whose stage comes last.
    """
    prepared: dict[str, Any] = dict(manifest)
    nodes = prepared["nodes"] = dict(manifest["nodes"])
    for unique_id, node in manifest["nodes"].items():
        if node["resource_type"] != "test":
            continue
        last = _last_built(manifest, node)
        if last is not None and last != node.get("attached_node"):
            nodes[unique_id] = {**node, "attached_node": last}
    return prepared


def _last_built(manifest: Mapping[str, Any], test: Mapping[str, Any]) -> str | None:
    """The parent of a test whose stage runs last; the attached node wins among equals."""
    models = [parent for parent in test["depends_on"].get("nodes", ()) if parent in manifest["nodes"]]
    if not models:
        return None
    attached = test.get("attached_node")
    last: str = max(
        sorted(models),
        key=lambda parent: (ORDER.index(stage_of(manifest["nodes"][parent])), parent == attached),
    )
    return last


def selected_names(
    manifest: Mapping[str, Any], keys: Sequence[dg.AssetKey], checks: Sequence[dg.AssetCheckKey]
) -> list[str]:
    """The dbt nodes behind asset and check keys, as the selectors of one dbt run.

    Args:
        manifest: the prepared manifest.
        keys: assets to build, as ``asset_key`` names them.
        checks: checks to run; a check's name is its test's name.
    """
    wanted = {key.path[-1] for key in keys}
    names = {
        node["name"]
        for node in manifest["nodes"].values()
        if node["resource_type"] in {"model", "seed", "snapshot"} and node["name"] in wanted
    }
    return sorted(names | {check.name for check in checks})


def group_of(node: Mapping[str, Any]) -> str:
    """The domain: the folder below the layer, or the layer itself where the folder is a source or missing."""
    if node["resource_type"] == "source":
        return "sources"
    if node["resource_type"] == "seed":
        return "reference"
    layer, *rest = node["fqn"][1:]
    if layer == "staging" or len(rest) < 2:  # noqa: PLR2004 - folder and name
        return str(layer)
    return str(rest[0])


class BillsyncTranslator(DagsterDbtTranslator):
    """Schema and table as the key, domain as the group, and no dependency on what a later step writes.

    One translator serves one manifest: specs are asked for at every event of a run, and made once.
    """

    def __init__(self) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_asset_checks=True))
        self._specs: dict[str, dg.AssetSpec] = {}

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """Schema and table."""
        if dbt_resource_props["resource_type"] == "source":
            return dg.AssetKey([dbt_resource_props["schema"], dbt_resource_props["identifier"]])
        return dg.AssetKey([dbt_resource_props["schema"], dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """The domain."""
        return group_of(dbt_resource_props)

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str] | None:
        """The domain's team."""
        return [owner_of(group_of(dbt_resource_props))]

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """The model's own words and its file; the SQL itself is a click away."""
        text = dbt_resource_props.get("description") or f"dbt {dbt_resource_props['resource_type']}"
        return f"{text}\n\n`{dbt_resource_props['original_file_path']}`"

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        """The spec with dependencies in the order of the day."""
        if (found := self._specs.get(unique_id)) is None:
            found = self._specs[unique_id] = self._ordered_spec(manifest, unique_id, project)
        return found

    def _ordered_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        node = self.get_resource_props(manifest, unique_id)
        if node["resource_type"] == "source":
            return spec
        feedback = feedback_tables(manifest, unique_id)
        return spec.replace_attributes(
            deps=ordered_deps(stage_of(node), list(spec.deps), feedback), freshness_policy=FRESH_BY_MORNING
        )

    def get_asset_check_spec(
        self, asset_spec: dg.AssetSpec, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetCheckSpec | None:
        """A check that does not block by itself."""
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        if spec is None:
            return None
        # A failed error-severity test fails its dbt step, which stops everything after it; Dagster's own blocking
        # would only add edges, and with feedback tables a loop.
        return dg.AssetCheckSpec(
            name=spec.name, asset=spec.asset_key, description=spec.description, metadata=copy.copy(spec.metadata)
        )


def feedback_tables(manifest: Mapping[str, Any], unique_id: str) -> set[str]:
    """Raw tables of later steps that a node reads, itself or through views, which store nothing of their own."""
    found: set[str] = set()
    waiting = list(manifest["nodes"][unique_id]["depends_on"].get("nodes", ()))
    while waiting:
        parent_id = waiting.pop()
        source = manifest["sources"].get(parent_id)
        if source is not None and source["identifier"] in WRITTEN_BY:
            found.add(source["identifier"])
        node = manifest["nodes"].get(parent_id)
        if node is not None and node["config"].get("materialized") in {"view", "ephemeral"}:
            waiting += node["depends_on"].get("nodes", ())
    return found


def ordered_deps(stage: str, deps: Sequence[dg.AssetDep], feedback: Collection[str] = ()) -> list[dg.AssetDep]:
    """Dependencies that agree with the order of the day.

    A feedback table that is written later is left out, one that is written before is named even where it is read
    through a view; the queue as reporting reads it is the one after the load; meter records come from files and API.

    Args:
        stage: the stage of the node.
        deps: what dbt says it reads.
        feedback: feedback tables that it reads, through views too.
    """
    keys = {dep.asset_key: dep for dep in deps if dep.asset_key.path[-1] not in WRITTEN_BY or not _is_raw(dep)}
    for table in sorted(feedback):
        if not reads_feedback(stage, table):
            key = EXCEPTIONS_AFTER_LOAD if table == "exception_queue" and stage == REPORTING else raw_key(table)
            keys[key] = dg.AssetDep(key)
    if any(_is_raw(dep) and dep.asset_key.path[-1] in METER_RECORD_TABLES for dep in keys.values()):
        keys[METERING_API] = dg.AssetDep(METERING_API)
        keys[READ_EDITS] = dg.AssetDep(READ_EDITS)
    return list(keys.values())


def _is_raw(dep: dg.AssetDep) -> bool:
    return dep.asset_key.path[0] == RAW_SCHEMA
