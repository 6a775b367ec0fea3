"""The pages for operators: their settings exist with their defaults, their examples work."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from crewai_hitl_nb.client import Client
from crewai_hitl_nb.server.auth.rate_limits import CALLER_LIMITS, CallerLimits
from crewai_hitl_nb.server.extension import HumanInputApp
from tests.jupyter_process import REPOSITORY, jupyter_process
from tests.test_docs import code_blocks

DOCS = REPOSITORY / "docs"
MONITORING = DOCS / "monitoring.md"
PAGES = [DOCS / f"{name}.md" for name in ("audit-trail", "keys", "limits", "proxies", "salvage")]


def test_the_limits_and_their_defaults_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([\d,]+) \| \w", (DOCS / "limits.md").read_text(), re.M)
    said = {name: float(number.replace(",", "")) for name, number in rows}
    defaults = CallerLimits()
    assert said == {name: float(getattr(defaults, name)) for name in CALLER_LIMITS}


def test_every_setting_of_the_extension_is_in_the_documentation() -> None:
    said = set(re.findall(r"`(\w+)`", "".join(page.read_text() for page in DOCS.glob("*.md"))))
    own = {name for name, trait in HumanInputApp.class_own_traits(config=True).items()}
    assert own - said == set()


def test_the_alerts_speak_of_metrics_that_exist() -> None:
    (rules,) = code_blocks(MONITORING, "yaml")
    written = re.findall(r"crewai_hitl_\w+", "".join(re.findall(r"expr: (.*)", rules)))
    said = {re.sub("_count$", "", name) for name in written}
    named = set(re.findall(r"^\| `(crewai_hitl_\w+)`", MONITORING.read_text(), re.MULTILINE))
    assert said
    assert said <= named


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_the_command_lines_are_understood(page: Path) -> None:
    lines = [line for block in code_blocks(page, "sh") for line in block.splitlines()]
    for line in lines:
        words = [word.replace("9f86…", "0" * 64) for word in shlex.split(line)]
        command = [sys.executable, "-m", "crewai_hitl_nb.cli", *words[1:], "--help"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert lines


@pytest.mark.slow
def test_a_jupyter_server_writes_json_lines_with_the_logging_of_the_example(tmp_path: Path) -> None:
    (example,) = code_blocks(MONITORING, "python")
    config = tmp_path / "jupyter_config_dir" / "jupyter_server_config.py"
    config.parent.mkdir()
    config.write_text(f"c = get_config()\n{example}")
    with jupyter_process(tmp_path) as server, Client(server.prefix, server.token) as client:
        client.publish({"type": "human_input_required", "request_id": "q1", "prompt": "hidden?"})
        client.answer("q1", "a-hidden-answer")
    written = (tmp_path / "server.log").read_text()
    lines = [json.loads(line) for line in written.splitlines() if line.startswith('{"')]
    turns = [line["event"] for line in lines if line.get("request_id") == "q1"]
    assert turns == ["asked", "answered"]
    assert "hidden" not in written
