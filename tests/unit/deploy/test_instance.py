"""Dagster's instance in the compose file and the chart's values: taken by Dagster's own configuration classes."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa
import yaml
from dagster._config import process_config
from dagster._core.instance.config import dagster_instance_config
from dagster._core.instance.ref import InstanceRef
from dagster_k8s import K8sRunLauncher
from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.job import DagsterK8sJobConfig, construct_dagster_k8s_job
from dagster_postgres.storage import DagsterPostgresStorage
from dagster_postgres.utils import pg_url_from_config

from billsync.run import DAGSTER_YAML
from billsync.settings import NAMES
from tests.conftest import REPOSITORY

DEPLOY: Final = REPOSITORY / "deploy"
PG: Final = {"HOST": "db", "DB": "dagster", "USERNAME": "dagster", "PASSWORD": "p"}  # pragma: allowlist secret


@pytest.fixture
def values() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "helm" / "values.yaml").read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(autouse=True)
def postgres_names(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in PG.items():
        monkeypatch.setenv(f"DAGSTER_PG_{name}", value)


def test_instance_of_the_compose_file_is_one_that_dagster_takes() -> None:
    config, _ = dagster_instance_config(str(DEPLOY / "dagster"))
    ref = InstanceRef.from_dir(str(DEPLOY / "dagster"))
    assert ref.storage_data is not None
    assert (ref.storage_data.module_name, ref.storage_data.class_name) == (
        "dagster_postgres",
        "DagsterPostgresStorage",
    )
    assert process_config(DagsterPostgresStorage.config_type(), ref.storage_data.config_dict).success
    for part in ("run_launcher", "compute_logs"):
        assert getattr(import_module(config[part]["module"]), config[part]["class"])
    assert ref.run_coordinator.__class__.__name__ == "QueuedRunCoordinator"


def test_storage_address_names_a_driver_that_is_installed() -> None:
    storage = yaml.safe_load((DEPLOY / "dagster" / "dagster.yaml").read_text(encoding="utf-8"))["storage"]["postgres"]
    resolved = process_config(DagsterPostgresStorage.config_type(), storage)
    url = pg_url_from_config(resolved.value)
    assert "db:5432/dagster" in url
    # SQLAlchemy loads the driver here, and connects later.
    assert sa.create_engine(url).dialect.driver == "psycopg2"


def test_storage_address_of_the_chart_names_the_same_driver(values: dict[str, Any]) -> None:
    compose = yaml.safe_load((DEPLOY / "dagster" / "dagster.yaml").read_text(encoding="utf-8"))["storage"]["postgres"]
    assert values["postgresql"]["postgresqlScheme"] == compose["postgres_db"]["scheme"]


def test_pool_is_the_same_wherever_billsync_runs(values: dict[str, Any]) -> None:
    here = yaml.safe_load(DAGSTER_YAML.format(history='"x"'))["concurrency"]["pools"]
    compose = yaml.safe_load((DEPLOY / "dagster" / "dagster.yaml").read_text(encoding="utf-8"))["concurrency"]
    assert here == compose["pools"]
    assert values["additionalInstanceConfig"]["concurrency"] == compose
    queue = values["dagsterDaemon"]["runCoordinator"]["config"]["queuedRunCoordinator"]
    # The chart refuses these in both places.
    assert not {"maxConcurrentRuns", "tagConcurrencyLimits"} & queue.keys()


def test_instance_with_the_charts_additions_is_one_that_dagster_takes(values: dict[str, Any], tmp_path: Path) -> None:
    # What the chart writes beside them.
    queue = {"run_coordinator": {"module": "dagster", "class": values["dagsterDaemon"]["runCoordinator"]["type"]}}
    written = yaml.safe_dump({**queue, **values["additionalInstanceConfig"]})
    (tmp_path / "dagster.yaml").write_text(written, encoding="utf-8")
    config, _ = dagster_instance_config(str(tmp_path))
    assert config["concurrency"]["runs"]["max_concurrent_runs"] == 4


def code_location(values: dict[str, Any]) -> dict[str, Any]:
    (one,) = values["dagster-user-deployments"]["deployments"]
    return dict(one)


def launched_pod(values: dict[str, Any], kubeconfig: Path) -> dict[str, Any]:
    """The pod of a run, made as the chart configures launcher and code location and as dagster-k8s builds it."""
    launcher = values["runLauncher"]["config"]["k8sRunLauncher"]
    raw = launcher["runK8sConfig"]
    deployment = code_location(values)
    account = values["global"]["serviceAccountName"]
    config = {
        "service_account_name": account,
        "instance_config_map": "instance",
        "dagster_home": values["global"]["dagsterHome"],
        "postgres_password_secret": values["global"]["postgresqlSecretName"],
        "load_incluster_config": False,
        "kubeconfig_file": str(kubeconfig),
        "image_pull_policy": launcher["imagePullPolicy"],
        "fail_pod_on_run_failure": launcher["failPodOnRunFailure"],
        "security_context": launcher["securityContext"],
        "run_k8s_config": {
            "pod_spec_config": raw["podSpecConfig"],
            "pod_template_spec_metadata": raw["podTemplateSpecMetadata"],
            "job_spec_config": raw["jobSpecConfig"],
        },
    }
    assert process_config(K8sRunLauncher.config_type(), config).success
    context = K8sContainerContext.create_from_config(
        {"k8s": {key: config[key] for key in ("service_account_name", "security_context", "run_k8s_config")}}
    ).merge(
        K8sContainerContext.create_from_config(
            {
                "k8s": {
                    "env_config_maps": [one["name"] for one in deployment["envConfigMaps"]],
                    "env_secrets": [one["name"] for one in deployment["envSecrets"]],
                    "env": deployment["env"],
                    "volumes": deployment["volumes"],
                    "volume_mounts": deployment["volumeMounts"],
                    "resources": deployment["resources"],
                }
            }
        )
    )
    job = construct_dagster_k8s_job(
        DagsterK8sJobConfig(
            job_image="billsync",
            dagster_home=config["dagster_home"],
            instance_config_map="instance",
            postgres_password_secret=config["postgres_password_secret"],
        ),
        ["dagster", "api", "execute_run"],
        "run",
        user_defined_k8s_config=context.run_k8s_config,
    )
    return dict(job.to_dict()["spec"])


def test_pod_of_a_run_has_settings_secrets_memory_and_no_rights_to_spare(
    values: dict[str, Any], tmp_path: Path
) -> None:
    spec = launched_pod(values, tmp_path / "kubeconfig")
    assert spec["backoff_limit"] == 0
    pod = spec["template"]["spec"]
    assert pod["service_account_name"] == "billsync"
    assert pod["security_context"]["run_as_non_root"] is True
    assert pod["termination_grace_period_seconds"] == 120
    (container,) = pod["containers"]
    assert container["security_context"]["allow_privilege_escalation"] is False
    assert {one["name"]: one["value"] for one in container["env"] if one["value"]}["BILLSYNC_WAREHOUSE"] == "sqlserver"
    sources = [one[kind]["name"] for one in container["env_from"] for kind in one if one[kind]]
    assert {"billsync-settings", "billsync-secrets"} <= set(sources)
    # The code location's, whatever the launcher says: enough for a day.
    assert container["resources"]["limits"] == {"memory": "8Gi"}
    assert "/var/lib/billsync/staging" in [one["mount_path"] for one in container["volume_mounts"]]


def test_values_run_what_the_image_has(values: dict[str, Any]) -> None:
    deployment = code_location(values)
    dockerfile = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    assert values["runLauncher"]["type"] == "K8sRunLauncher"
    assert deployment["dagsterApiGrpcArgs"] == ["-m", "orchestration.definitions"]
    assert f"DAGSTER_HOME={values['global']['dagsterHome']}" in dockerfile
    for one in (values["dagsterWebserver"], values["dagsterDaemon"], deployment):
        assert one["image"] == values["dagsterWebserver"]["image"]
        assert one["image"]["tag"] != "latest"
        assert f"USER {one['podSecurityContext']['runAsUser']}:" in dockerfile
    # A port below 1024 needs root or a capability.
    assert (
        values["dagsterWebserver"]["service"]["port"] == values["dagsterWebserver"]["readinessProbe"]["httpGet"]["port"]
    )
    assert values["dagsterWebserver"]["service"]["port"] > 1024


def test_values_hold_no_secret_and_no_unknown_setting(values: dict[str, Any]) -> None:
    deployment = code_location(values)
    by_name = {name.name: name for name in NAMES}
    given = {one["name"]: one["value"] for one in deployment["env"]}
    assert given.keys() <= by_name.keys()
    # The ledger's address is no secret where it only says: the warehouse's own database.
    assert {name for name in given if by_name[name].is_secret} <= {"BILLSYNC_LEDGER_URL"}
    assert given["BILLSYNC_LEDGER_URL"] == "sqlserver"
    assert given["BILLSYNC_WAREHOUSE"] == "sqlserver"
    assert values["postgresql"]["postgresqlPassword"] == ""
    assert values["generatePostgresqlPasswordSecret"] is False
