"""Shell completion offers no id that a shell would take for more than one plain word."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from crewai_hitl_nb.client import Client
from crewai_hitl_nb.server.standalone import HumanInputServer
from tests.cli.command import clean_env

PLAIN = ("019a-plain", "019a.b_c:d/e@f+g")
TRAPS = (
    "019a$(touch pwned)",
    "019a`touch pwned`",
    "019a;touch pwned",
    "019a&touch pwned",
    "019a|touch pwned",
    "019a>pwned",
    "019a<(touch pwned)",
    "019a (touch pwned)",
    "019a'\"",
    "019a\\",
    "019a*",
    "019a{a,b}",
    "019a!!",
    "019a#",
    "019a~",
    "019a=ls",
    "019a%self",
    "019aé",
)
LEADING = ("-rf", "=ls", "~root", "%1", "!!", "/dev/null")
COMMAND = Path(sys.executable).with_name("crewai-hitl")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[HumanInputServer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
        with HumanInputServer(port=0, api_key="k") as running:
            with Client(running.url, "k") as client:
                client.publish(
                    *(
                        {"type": "human_input_required", "prompt": "?", "request_id": name}
                        for name in (*PLAIN, *TRAPS, *LEADING)
                    )
                )
            yield running


@pytest.mark.parametrize(
    ("shell", "asked"),
    [
        ("bash", {"COMP_WORDS": "crewai-hitl answer ", "COMP_CWORD": "2"}),
        ("zsh", {"COMP_WORDS": "crewai-hitl answer ", "COMP_CWORD": "2"}),
        ("fish", {"COMP_WORDS": "crewai-hitl answer", "COMP_CWORD": ""}),
    ],
)
@pytest.mark.parametrize("command", ["answer", "cancel"])
def test_completion_offers_plain_words_only(
    server: HumanInputServer, tmp_path: Path, shell: str, asked: dict[str, str], command: str
) -> None:
    env = clean_env(
        tmp_path,
        CREWAI_HITL_URL=server.url,
        CREWAI_HITL_TOKEN="k",
        _CREWAI_HITL_COMPLETE=f"{shell}_complete",
        **{name: words.replace("answer", command) for name, words in asked.items()},
    )
    said = subprocess.run(
        [COMMAND], env={**os.environ, **env}, capture_output=True, text=True, timeout=60, check=True
    )
    for name in PLAIN:
        assert name in said.stdout
    for name in (*TRAPS, *LEADING):
        assert name not in said.stdout
