"""The extraction function's package: complete without anything else of this machine, and the same each time."""

from __future__ import annotations

import importlib.metadata
import json
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from loaders.aws.clients import open_client
from loaders.aws.extracted_files import CODE_MODULES, code_version
from loaders.aws.package import MOST_BYTES, PACKAGES, locked, main
from tests.aws_stand_in import ENVIRONMENT, Proxy
from tests.lambda_runtime import lambda_function
from tests.unit.loaders.sources.meter_harness import DAY, day, header, mdff

KEYS = f"r/nem12/billing_day={DAY}/"


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip of this platform, as a deployment has it."""
    path = tmp_path_factory.mktemp("package") / "extract.zip"
    main(["--installed", "--output", str(path)])
    return path


def runtime_client(folder: Path) -> Path:
    """AWS's runtime client alone: what Lambda itself brings."""
    for name in ("awslambdaric", "simplejson", "snapshot-restore-py"):
        for file in importlib.metadata.files(name) or ():
            if ".." not in file.parts and Path(str(file.locate())).is_file():
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(str(file.locate()), folder / file)
    return folder


def test_package_reads_a_file_with_nothing_but_itself_and_lambdas_own_client(
    packed: Path, s3: Any, aws: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_root = tmp_path / "task"
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(task_root)
    s3.put_object(Bucket="landing", Key=KEYS + "a.csv", Body=mdff(header(), day()).encode())
    environ = {
        **ENVIRONMENT,
        "AWS_ENDPOINT_URL": aws.url,
        "BILLSYNC_LANDING": "s3://landing/r",
        "BILLSYNC_EXTRACT_OUTPUT": "s3://landing/extracted",
        "PYTHONPATH": f"{task_root}:{runtime_client(tmp_path / 'client')}",
    }
    event = {
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": "landing"}, "object": {"key": f"{KEYS}a.csv"}},
    }
    # -S: without site-packages, so that a package that is missing from the zip is missing.
    with lambda_function("packed", "loaders.aws.function.handler", task_root, environ, "-S") as service:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", service.url)
        answer = open_client("lambda").invoke(FunctionName="packed", Payload=json.dumps(event))
        told = json.loads(answer["Payload"].read())
        with_pipes = open_client("lambda").invoke(
            FunctionName="packed", Payload=json.dumps({"DAGSTER_PIPES_CONTEXT": "", "DAGSTER_PIPES_MESSAGES": ""})
        )
    assert told == {"files": 1, "quarantined": 0, "accepted_records": 4, "rejected_records": 0}
    # Dagster's side of Pipes is in the package too: it complains of the empty context, not of a missing module.
    assert "No module" not in with_pipes["Payload"].read().decode()
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket="landing", Prefix="extracted/")["Contents"]]
    assert all(f"/{code_version()}/" in key for key in keys)


def test_package_built_twice_has_the_same_bytes(packed: Path, tmp_path: Path) -> None:
    main(["--installed", "--output", str(tmp_path / "again.zip")])
    assert (tmp_path / "again.zip").read_bytes() == packed.read_bytes()


def test_package_has_no_more_than_lambda_takes_and_only_code_of_the_extraction(packed: Path) -> None:
    with zipfile.ZipFile(packed) as archive:
        names = archive.namelist()
        assert sum(entry.file_size for entry in archive.infolist()) < MOST_BYTES
    ours = {name for name in names if name.startswith("loaders/")}
    assert {module.replace(".", "/") + ".py" for module in CODE_MODULES} <= ours
    assert not [name for name in ours if re.search(r"sap_isu|uipath|sqlserver/|migrations", name)]


def test_packages_of_the_function_are_all_that_they_need_and_locked_with_hashes() -> None:
    def needs(name: str) -> set[str]:
        wanted = (Requirement(text) for text in importlib.metadata.requires(name) or ())
        return {one.name.lower() for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})}

    assert {need for name in PACKAGES for need in needs(name)} <= set(PACKAGES)
    pinned = locked(PACKAGES)
    assert re.findall(r"^([a-z0-9-]+)==", pinned, re.MULTILINE) == list(PACKAGES)
    assert all("--hash=sha256:" in block for block in re.split(r"\n(?=\S)", pinned.strip()))
