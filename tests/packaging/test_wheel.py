"""The wheel in a clean environment: no crewAI, no Node, no further step.

The wheel is built from this checkout, whose front end is already built, and installed with only
its own dependencies; everything after the build sees a PATH without `node` and `npm`.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import httpx
import pytest

from crewai_hitl_nb import __version__
from crewai_hitl_nb.server.describe import openapi
from crewai_hitl_nb.server.routes import ROUTES
from tests.jupyter_process import REPOSITORY, JupyterProcess, scratch_env

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LAB_EXTENSION = "share/jupyter/labextensions/crewai-hitl-nb"
SERVER_CONFIG = "etc/jupyter/jupyter_server_config.d/crewai_hitl_nb.json"


def build(source: Path, target: str, folder: Path, scratch: Path) -> Path:
    """Build a wheel or an sdist where there is no Node."""
    path_without_node = scratch / "no-node"
    path_without_node.mkdir(exist_ok=True)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", folder],
        cwd=source,
        env={**os.environ, "PATH": str(path_without_node)},
        check=True,
    )
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    scratch = tmp_path_factory.mktemp("wheel")
    return build(REPOSITORY, "wheel", scratch / "dist", scratch)


@pytest.fixture(scope="module")
def clean_environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new virtual environment with the wheel and what it depends on."""
    venv = tmp_path_factory.mktemp("clean") / "venv"
    uv = [str(Path(sys.executable).with_name("uv")), "--quiet"]
    constraints = ["-c", str(REPOSITORY / ".ci" / "constraints.txt")]
    subprocess.run([*uv, "venv", "--python", sys.executable, str(venv)], check=True)
    install = [*uv, "pip", "install", "--python", str(venv), *constraints, str(wheel)]
    subprocess.run(install, check=True, cwd=venv.parent)  # not by this repository's overrides
    return venv


def run_in(venv: Path, *command: str, scratch: Path) -> subprocess.CompletedProcess[str]:
    env = scratch_env(scratch) | {"PATH": str(venv / "bin")}
    return subprocess.run(
        [venv / "bin" / command[0], *command[1:]],
        env=env,
        cwd=scratch,
        capture_output=True,
        text=True,
        check=False,
    )


def plain(text: str) -> str:
    """Return the text without the colours that Jupyter's lists have even in a pipe."""
    return re.sub(r"\x1b\[\d*m", "", text)


def names_in(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_the_wheel_ships_the_built_front_end_once(wheel: Path) -> None:
    names = names_in(wheel)
    data = f"crewai_hitl_nb-{__version__}.data/data"
    for expected in (
        "crewai_hitl_nb/py.typed",
        "crewai_hitl_nb/server/page/static/inbox.js",
        "crewai_hitl_nb/server/page/static/inbox-chunk.js",
        "crewai_hitl_nb/server/page/static/inbox-parts.js",
        "crewai_hitl_nb/server/page/static/insights.js",
        "crewai_hitl_nb/server/page/static/service-worker.js",
        "crewai_hitl_nb/server/page/static/icon-512.png",
        "crewai_hitl_nb/widget/static/card.js",
        "crewai_hitl_nb/widget/static/card-loader.js",
        f"{data}/{LAB_EXTENSION}/schemas/crewai-hitl-nb/panel.json",
        f"{data}/{SERVER_CONFIG}",
        f"{data}/{LAB_EXTENSION}/package.json",
        f"{data}/{LAB_EXTENSION}/install.json",
    ):
        assert expected in names
    assert [name for name in names if name.startswith("crewai_hitl_nb/labextension")] == []


def test_wheel_package_lab_extension_and_api_say_the_same_version(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(f"crewai_hitl_nb-{__version__}.dist-info/METADATA").decode()
        lab = f"crewai_hitl_nb-{__version__}.data/data/{LAB_EXTENSION}/package.json"
        lab_version = json.loads(archive.read(lab))["version"]
    assert f"\nVersion: {__version__}\n" in metadata
    assert lab_version == __version__
    assert openapi.document("/", ROUTES)["info"]["version"] == __version__


def test_the_wheel_holds_the_package_and_nothing_of_the_workshop(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in names_in(wheel)}
    assert {top for top in tops if not top.startswith("crewai_hitl_nb")} == set()
    assert [name for name in names_in(wheel) if "node_modules" in name or ".map" in name] == []


def test_a_wheel_built_from_the_sdist_is_the_same(wheel: Path, tmp_path: Path) -> None:
    sdist = build(REPOSITORY, "sdist", tmp_path / "sdist", tmp_path)
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    again = build(source, "wheel", tmp_path / "dist", tmp_path)
    assert sorted(names_in(again)) == sorted(names_in(wheel))


def test_installing_enables_the_server_extension(clean_environment: Path, tmp_path: Path) -> None:
    listed = run_in(clean_environment, "jupyter", "server", "extension", "list", scratch=tmp_path)
    said = plain(listed.stdout + listed.stderr)
    assert "crewai_hitl_nb enabled" in said
    assert f"crewai_hitl_nb {__version__} OK" in said


def test_jupyterlab_finds_the_lab_extension(clean_environment: Path, tmp_path: Path) -> None:
    assert (clean_environment / LAB_EXTENSION / "install.json").exists()
    env = scratch_env(tmp_path) | {"JUPYTER_PATH": str(clean_environment / "share/jupyter")}
    listed = subprocess.run(
        [sys.executable, "-m", "jupyterlab.labextensions", "list"],
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    said = plain(listed.stdout + listed.stderr)
    own = said.split(str(clean_environment / "share/jupyter/labextensions"))[1]
    assert f"crewai-hitl-nb v{__version__}" in own
    assert "enabled" in own.split(f"crewai-hitl-nb v{__version__}")[1].splitlines()[0]


@pytest.mark.parametrize("call", ["hitl.enable()", "hitl.ask('Well?')", "hitl.start(None)"])
def test_without_crewai_each_call_says_how_to_install_it(
    clean_environment: Path, tmp_path: Path, call: str
) -> None:
    code = f"import crewai_hitl_nb as hitl; {call}"
    run = run_in(clean_environment, "python", "-c", code, scratch=tmp_path)
    assert f"crewAI is not installed in this environment ({clean_environment})" in run.stderr
    assert "pip install 'crewai-hitl-nb[crewai]'" in run.stderr
    assert "importlib" not in run.stderr


def test_without_crewai_load_ext_says_so_in_one_line(
    clean_environment: Path, tmp_path: Path
) -> None:
    code = "%load_ext crewai_hitl_nb"
    run = run_in(clean_environment, "ipython", "--colors=NoColor", "-c", code, scratch=tmp_path)
    (line,) = (run.stdout + run.stderr).strip().splitlines()
    assert line.startswith("UsageError: crewAI is not installed in this environment")
    assert "pip install 'crewai-hitl-nb[crewai]'" in line


def test_the_server_half_runs_without_crewai_and_node(
    clean_environment: Path, tmp_path: Path
) -> None:
    imported = run_in(clean_environment, "python", "-c", "import crewai", scratch=tmp_path)
    assert "ModuleNotFoundError" in imported.stderr
    python = str(clean_environment / "bin" / "python")
    assert shutil.which("node", path=str(clean_environment / "bin")) is None
    server = JupyterProcess(
        tmp_path, python=python, env={"PATH": str(clean_environment / "bin"), "PYTHONPATH": ""}
    )
    server.start()
    try:
        health = httpx.get(server.prefix + "health")
        assert health.status_code == 200
        assert health.json()["status"] == "healthy"
        inbox = httpx.get(server.prefix, headers=server.headers)
        assert inbox.status_code == 200
        assert "inbox.js" in inbox.text
    finally:
        server.stop()
