"""docs/jupyterhub.md keeps its word: its commands run as they stand there.

Its configuration is that of the hub in all these tests. The hub's address and the tokens are
what differs; what installs packages was done before.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from crewai_hitl_nb.server.extension import HumanInputApp
from tests.hub.conftest import PAGE
from tests.hub.hub_process import LIFECYCLE_TOKEN, HubProcess, Place
from tests.server.door import question

COMMANDS = "".join(re.findall(r"^```sh\n(.*?)^```", PAGE, re.M | re.S))
BY_HAND = ("pip install", "jupyter server extension list", "crewai-hitl doctor")
"""What needs a network, and what another test runs where it belongs."""


@pytest.fixture
def shell_path(tmp_path: Path) -> str:
    """Return a search path on which `crewai-hitl` is this interpreter's."""
    program = tmp_path / "crewai-hitl"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m crewai_hitl_nb.cli "$@"\n')
    program.chmod(0o755)
    return os.pathsep.join([str(tmp_path), os.environ["PATH"]])


def test_the_commands_of_the_page_run_one_after_the_other(
    hub: HubProcess, ada: Place, shell_path: str
) -> None:
    asked = httpx.post(f"{ada.url}events", json=question("draft-1"), headers=ada.headers)
    asked.raise_for_status()
    lines = [line for line in COMMANDS.splitlines() if not line.startswith(BY_HAND)]
    script = "\n".join(lines).replace("https://hub.example.org/", hub.url)
    tokens = {"HUB_TOKEN": LIFECYCLE_TOKEN, "ADA_TOKEN": ada.token}
    shell = ["bash", "-euo", "pipefail", "-c", script]
    env = os.environ | tokens | {"PATH": shell_path}
    done = subprocess.run(shell, env=env, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert '"access:servers!server=ada/"' in done.stdout
    assert "answered draft-1: respond" in done.stdout
    assert '"answered_by":{"name":"ada"' in done.stdout


def test_the_settings_that_the_page_names_exist() -> None:
    named = set(re.findall(r"c\.HumanInputApp\.(\w+)", PAGE))
    assert named
    assert named <= set(HumanInputApp.class_trait_names())
