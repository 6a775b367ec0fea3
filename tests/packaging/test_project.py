"""What somebody relies on who joins: the hooks, the workflow, and the files that name commands."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.jupyter_process import REPOSITORY

MAKEFILE = (REPOSITORY / "Makefile").read_text()
FORMS = sorted((REPOSITORY / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml"))
PAGES = [
    REPOSITORY / name
    for name in (
        "CODE_OF_CONDUCT.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        ".github/pull_request_template.md",
    )
]
BIN = Path(sys.executable).parent


def commands(target: str) -> list[str]:
    """Return the commands of a target of the Makefile, but for what it prints."""
    recipe = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert recipe
    lines = [line.strip() for line in recipe[1].splitlines()]
    plain = [line.replace("$(BIN)", ".venv/bin").replace("$(VENV)", ".venv") for line in lines]
    return [line for line in plain if not line.startswith("$(SAY)")]


def hooks() -> list[str]:
    config = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text())
    return [hook["entry"] for repository in config["repos"] for hook in repository["hooks"]]


def test_a_commit_passes_the_same_checks_as_make_check_and_the_front_ends_lint() -> None:
    front_end = [line for line in commands("test-js") if re.search(r" (lint|typecheck)$", line)]
    assert len(front_end) == 2
    assert hooks() == commands("check") + front_end


def test_pre_commit_accepts_the_hooks(tmp_path: Path) -> None:
    subprocess.run(
        [BIN / "pre-commit", "validate-config", REPOSITORY / ".pre-commit-config.yaml"],
        env={**os.environ, "PRE_COMMIT_HOME": str(tmp_path)},
        check=True,
    )


def test_the_workflow_tests_every_python_that_the_package_declares() -> None:
    project = (REPOSITORY / "pyproject.toml").read_text()
    declared = re.findall(r"Programming Language :: Python :: (3\.\d+)", project)
    jobs = yaml.safe_load((REPOSITORY / ".github/workflows/test.yml").read_text())["jobs"]
    assert jobs["test"]["strategy"]["matrix"]["python"] == declared
    (lowest,) = [step for step in jobs["lowest"]["steps"] if "run" in step]
    assert lowest["run"] == "make test-lowest"
    assert lowest["env"]["PYTHON"] == f"python{declared[0]}"
    assert commands("test-lowest")


def test_each_job_of_the_workflow_uses_the_python_that_it_set_up() -> None:
    jobs = yaml.safe_load((REPOSITORY / ".github/workflows/test.yml").read_text())["jobs"]
    for job in jobs.values():
        (set_up,) = [s["with"] for s in job["steps"] if "setup-python" in s.get("uses", "")]
        runs = [step for step in job["steps"] if "run" in step]
        assert runs
        for step in runs:
            assert step["env"]["PYTHON"] == f"python{set_up['python-version']}"


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.name)
def test_an_issue_form_has_what_github_demands(form: Path) -> None:
    content = yaml.safe_load(form.read_text())
    assert content["name"]
    assert content["description"]
    fields = [part for part in content["body"] if part["type"] != "markdown"]
    assert fields
    assert len({part["id"] for part in fields}) == len(fields)
    assert all(part["attributes"]["label"] for part in fields)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_what_a_contributor_reads_names_files_and_commands_that_exist(page: Path) -> None:
    text = page.read_text()
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []
    targets = re.findall(r"^([a-z0-9-]+):", MAKEFILE, re.MULTILINE)
    assert set(re.findall(r"(?:^|`)make ([a-z0-9-]+)", text, re.MULTILINE)) <= set(targets)
