"""The import law of the design, and the proof that it bites.

The law is in `pyproject.toml` as contracts of import-linter. Here a copy of the package gets
one forbidden import at a time, and the contract in question must break.
"""

import shutil
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

from tests.jupyter_process import REPOSITORY

LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")
PACKAGE = "crewai_hitl_nb"


def lint(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINT_IMPORTS, "--no-cache", "--config", folder / "pyproject.toml", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the Python package and its law."""
    ignored = shutil.ignore_patterns("static", "labextension", "__pycache__")
    shutil.copytree(REPOSITORY / PACKAGE, tmp_path / PACKAGE, ignore=ignored)
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_package_keeps_the_import_law() -> None:
    result = lint(REPOSITORY)
    assert result.returncode == 0, result.stdout


def test_every_part_of_the_package_stands_under_the_law() -> None:
    law = (REPOSITORY / "pyproject.toml").read_text()
    folder = REPOSITORY / PACKAGE
    parts = [path.parent.name for path in folder.glob("*/__init__.py")]
    parts += [path.stem for path in folder.glob("*.py") if path.stem != "__init__"]
    assert parts
    assert [part for part in parts if f"{PACKAGE}.{part}" not in law] == []


def test_no_files_import_each_other_in_a_circle_not_even_for_their_types() -> None:
    graph = grimp.build_graph(PACKAGE, exclude_type_checking_imports=False, cache_dir=None)
    files = graph.modules - {PACKAGE}  # the front door imports on use, from both halves
    imports = {file: graph.find_modules_directly_imported_by(file) & files for file in files}
    assert any(imports.values())
    TopologicalSorter(imports).prepare()  # raises an error that names the circle


@pytest.mark.parametrize(
    ("module", "forbidden", "contract"),
    [
        ("protocol", f"{PACKAGE}.store", "server-layers"),
        ("store", f"{PACKAGE}.broker", "server-layers"),
        ("broker", f"{PACKAGE}.server", "server-layers"),
        ("server", f"{PACKAGE}.in_process_server", "server-layers"),
        ("server/api", f"{PACKAGE}.server.streams", "server-rooms"),
        ("server/auth", f"{PACKAGE}.server.base", "server-rooms"),
        ("server/describe", f"{PACKAGE}.server.routes", "server-rooms"),
        ("server/fast", f"{PACKAGE}.server.host", "server-rooms"),
        ("broker/delivery", f"{PACKAGE}.broker.broker", "broker-rooms"),
        ("broker/requests", f"{PACKAGE}.broker.webhooks", "broker-rooms"),
        ("broker/requests", f"{PACKAGE}.broker.lifecycle", "broker-rooms"),
        ("store/sqlite", f"{PACKAGE}.store.memory", "store-rooms"),
        ("protocol", f"{PACKAGE}.client", "kernel-layers"),
        ("client", f"{PACKAGE}.kernel", "kernel-layers"),
        ("kernel/flows", f"{PACKAGE}.kernel.session", "kernel-rooms"),
        ("kernel/gates", f"{PACKAGE}.kernel.public", "kernel-rooms"),
        ("kernel/screens", f"{PACKAGE}.kernel.tasks", "kernel-rooms"),
        ("kernel/runs", f"{PACKAGE}.kernel.asking", "kernel-rooms"),
        ("kernel/bridge", f"{PACKAGE}.kernel.runs", "kernel-rooms"),
        ("kernel/bridge", f"{PACKAGE}.kernel.started", "bridge-alone"),
        ("kernel/questions", f"{PACKAGE}.kernel.asking", "pure-questions"),
        ("server", "crewai", "server-half"),
        ("broker", "ipywidgets", "server-half"),
        ("store", f"{PACKAGE}.kernel", "server-half"),
        ("kernel", "jupyter_server", "kernel-half"),
        ("widget", f"{PACKAGE}.store", "kernel-half"),
        ("client", f"{PACKAGE}.broker", "kernel-half"),
        ("protocol", "asyncio", "pure-protocol"),
        ("protocol", "socket", "pure-protocol"),
        ("client", "crewai", "crewai-in-kernel-only"),
        ("widget", "crewai", "crewai-in-kernel-only"),
        ("cli", "crewai", "crewai-in-kernel-only"),
    ],
)
def test_a_forbidden_import_breaks_its_contract(
    copy: Path, module: str, forbidden: str, contract: str
) -> None:
    (copy / PACKAGE / module / "intruder.py").write_text(f"import {forbidden}\n")
    result = lint(copy, "--contract", contract)
    assert result.returncode == 1, result.stdout + result.stderr
    assert f"{PACKAGE}.{module.replace('/', '.')}.intruder" in result.stdout
    assert forbidden in result.stdout
