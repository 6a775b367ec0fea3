"""The commands of the install page, run as they are written there.

Each runs in a new environment that is active, as the page asks. Two things differ from a reader's:
the package's dependencies are left out, because `test_wheel.py` installs them, and the front end is
already built, because `make` builds it for every other test.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.jupyter_process import REPOSITORY
from tests.packaging.test_wheel import LAB_EXTENSION, SERVER_CONFIG, build

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PAGE = (REPOSITORY / "docs" / "install.md").read_text()
BUILD_TOOLS = ["pip", "hatchling", "hatch-jupyter-builder"]
BUILT = [
    f"crewai_hitl_nb/{path}" for path in ("labextension", "server/page/static", "widget/static")
]


def commands(heading: str) -> list[str]:
    """Return the shell commands of the first block below a heading of the page."""
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)
    assert section, heading
    block = re.search(r"^```sh\n(.*?)^```", section[1], re.M | re.S)
    assert block, heading
    return block[1].splitlines()


@pytest.fixture(scope="module")
def active(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables of a new environment that is active, with pip and the build tools."""
    venv = tmp_path_factory.mktemp("active") / "venv"
    uv = [str(Path(sys.executable).with_name("uv")), "--quiet"]
    constraints = ["-c", str(REPOSITORY / ".ci" / "constraints.txt")]
    subprocess.run([*uv, "venv", "--python", sys.executable, str(venv)], check=True)
    install = [*uv, "pip", "install", "--python", str(venv), *constraints, *BUILD_TOOLS]
    subprocess.run(install, check=True)
    path = f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}"
    options = {"PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0"}  # 0 is pip's word for "none"
    return {**os.environ, **options, "PATH": path, "VIRTUAL_ENV": str(venv)}


def run(command: str, folder: Path, env: dict[str, str]) -> None:
    done = subprocess.run(
        ["bash", "-euc", command], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def assert_installs(command: str, folder: Path, env: dict[str, str]) -> None:
    """Run a command that installs the package with crewAI, and take the package away again."""
    run(command, folder, env)
    venv = Path(env["VIRTUAL_ENV"])
    (package,) = venv.glob("lib/python*/site-packages/crewai_hitl_nb")
    assert (package / "server/page/static/inbox.js").exists()
    assert (package / "widget/static/card.js").exists()
    assert (venv / LAB_EXTENSION / "install.json").exists()
    assert (venv / SERVER_CONFIG).exists()
    assert (venv / "bin" / "crewai-hitl").exists()
    (metadata,) = package.parent.glob("crewai_hitl_nb-*.dist-info/METADATA")
    extras = re.findall(r"^Provides-Extra: (.*)$", metadata.read_text(), re.M)
    assert set(re.findall(r"\[(\w+)\]", command)) == {"crewai"} & set(extras)
    run("pip uninstall --yes crewai-hitl-nb", folder, env)


def test_the_command_for_a_clone_installs_the_package_and_both_extensions(
    tmp_path: Path, active: dict[str, str]
) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", REPOSITORY, clone], check=True)
    for folder in BUILT:
        shutil.copytree(REPOSITORY / folder, clone / folder)
    (install,) = commands("From a clone")
    assert_installs(install, clone, active)


def test_the_command_for_a_wheel_installs_the_package_and_both_extensions(
    tmp_path: Path, active: dict[str, str]
) -> None:
    make, install = commands("From a wheel")
    assert make == "make build"  # takes a front end away that other tests use, so it does not run
    build(REPOSITORY, "wheel", tmp_path / "dist", tmp_path)
    assert_installs(install, tmp_path, active)


@pytest.mark.parametrize("page", ["README.md", "docs/start.md"])
def test_no_first_page_asks_to_install_in_an_untested_way(page: str) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", (REPOSITORY / page).read_text(), re.M | re.S)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    asked = {line for line in lines if line.startswith("pip ")}
    assert asked <= {*commands("From a clone"), *commands("From a wheel")}
