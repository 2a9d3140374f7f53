"""Build the extraction function's package: ``python -m loaders.aws.package --output extract.zip``.

The zip is what Lambda takes as it is; ``--folder`` leaves the same files in a folder, which ``Containerfile`` puts on
AWS's base image. The same commit gives the same bytes, so that a deployment sees what has changed.

What belongs here: which files the function needs, and packing them. What stays out: deploying them.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PYTHON: Final = "3.12"
PACKAGES: Final = (
    "botocore", "dagster-pipes", "jmespath", "pyarrow", "python-dateutil", "six", "tenacity", "urllib3",
)  # fmt: skip
"""What the function imports, and what that needs; versions and hashes are those of requirements.lock."""
CODE: Final = ("loaders/*.py", "loaders/aws/*.py", "loaders/sources/*.py", "loaders/warehouse/*.py")
UNUSED: Final = re.compile(
    r"(^|/)(__pycache__|tests|include|src)/|^bin/|\.(pyx|pxi|pxd|h)$|^pyarrow/.*(flight|s3|gcs|hdfs)"
)
"""Parts of packages that no Parquet is written with: they are half of Arrow's 170 MB."""
MOST_BYTES: Final = 250 * 1024 * 1024
_TARGETS: Final = {"x86_64": "x86_64", "arm64": "aarch64"}
# What Amazon Linux 2023, the system below Python 3.12 there, can load.
_PLATFORMS: Final = ("manylinux_2_28", "manylinux_2_17", "manylinux2014")
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)

Install = Callable[[Path], None]


def download(architecture: str, python: str) -> Install:
    """Installs the locked wheels of Lambda's platform, each checked against its hash."""

    def install(folder: Path) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            wanted = Path(scratch) / "requirements.txt"
            wanted.write_text(locked(PACKAGES), encoding="utf-8")
            platforms = [f"--platform={name}_{_TARGETS[architecture]}" for name in _PLATFORMS]
            words = [
                "--quiet", "--disable-pip-version-check", "--no-deps", "--no-compile", "--require-hashes",
                "--only-binary=:all:", "--implementation=cp", f"--python-version={python}", *platforms,
                f"--target={folder}", f"--requirement={wanted}",
            ]  # fmt: skip
            subprocess.run([sys.executable, "-m", "pip", "install", *words], check=True)  # noqa: S603 - our own words

    return install


def copy_installed(folder: Path) -> None:
    """Installs the packages as they are in this Python, for a function on this platform."""
    for name in PACKAGES:
        for file in importlib.metadata.files(name) or ():
            source = Path(str(file.locate()))
            if ".." not in file.parts and source.is_file():
                target = folder / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)


def locked(names: tuple[str, ...], lock: Path = ROOT / "requirements.lock") -> str:
    """The lines of the lock that pin some packages, hashes included."""
    blocks = re.split(r"\n(?=\S)", lock.read_text(encoding="utf-8"))
    found = {block.partition("==")[0]: block for block in blocks if "==" in block}
    return "\n".join(found[name] for name in names) + "\n"


def assemble(folder: Path, install: Install) -> int:
    """Fill a folder with the function's files, drop what it does not use, and return the bytes.

    Raises:
        ValueError: it is more than Lambda takes.
    """
    install(folder)
    for path in sorted(folder.rglob("*"), reverse=True):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and UNUSED.search(name):
            path.unlink()
    for pattern in CODE:
        for source in ROOT.glob(pattern):
            target = folder / source.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if size > MOST_BYTES:
        msg = f"the function's files have {size:,} bytes, and Lambda takes {MOST_BYTES:,}: build a container"
        raise ValueError(msg)
    return size


def pack(folder: Path, output: Path) -> None:
    """Zip a folder: the same files give the same bytes, whenever and by whom it is done."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
            entry.external_attr = 0o755 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(entry, path.read_bytes())


def main(words: list[str] | None = None) -> None:
    """Build the package as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m loaders.aws.package", description="Build the extraction function.")
    parser.add_argument("--output", type=Path, help="the zip file")
    parser.add_argument("--folder", type=Path, help="a new folder for the files, as Containerfile wants them")
    parser.add_argument("--architecture", choices=sorted(_TARGETS), default="x86_64")
    parser.add_argument("--python", default=PYTHON, help=f"the function's Python (default {PYTHON})")
    parser.add_argument("--installed", action="store_true", help="take packages from this Python, download nothing")
    chosen = parser.parse_args(words)
    if not chosen.output and not chosen.folder:
        parser.error("say --output, --folder or both")
    if chosen.folder and chosen.folder.exists():
        parser.error(f"{chosen.folder} exists")
    install = copy_installed if chosen.installed else download(chosen.architecture, chosen.python)
    with tempfile.TemporaryDirectory() as scratch:
        folder = chosen.folder or Path(scratch) / "function"
        size = assemble(folder, install)
        sys.stdout.write(f"{size:,} bytes in files\n")
        if chosen.output:
            pack(folder, chosen.output)
            sys.stdout.write(f"{chosen.output.stat().st_size:,} bytes in {chosen.output}\n")


if __name__ == "__main__":
    main()
