"""`crewai-hitl keys`: a key is made, limited, listed without itself, and revoked at once."""

from pathlib import Path

import httpx
import pytest

from tests.cli.command import Commands, clean_env, running


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


@pytest.fixture
def cli(tmp_path: Path, file: Path) -> Commands:
    return Commands(clean_env(tmp_path, CREWAI_HITL_KEYS_FILE=str(file)))


def test_a_key_is_shown_once_and_listed_without_itself(cli: Commands, file: Path) -> None:
    made = cli("keys", "add", "dashboard", "--right", "read", "--execution", "run-1")
    key = made.stdout.strip()
    assert made.exit_code == 0
    listed = cli("keys", "list")
    assert key not in listed.output
    assert key not in file.read_text()
    (row,) = listed.stdout.splitlines()
    assert row.split("\t")[1:4] == ["dashboard", "read", "execution run-1"]


def test_json_lines_carry_the_entry(cli: Commands) -> None:
    (made,) = cli.lines("keys", "add", "runner", "--crew", "c1")
    (listed,) = cli.lines("keys", "list")
    assert made.pop("key").startswith("hitl_")
    assert listed == made
    assert (made["rights"], made["crews"]) == (["answer", "publish", "read"], ["c1"])


def test_a_running_server_takes_a_new_key_and_its_end_at_once(
    cli: Commands, file: Path, tmp_path: Path
) -> None:
    env = clean_env(tmp_path, CREWAI_HITL_KEYS_FILE=str(file))
    with running("serve", "--port", "0", "--json", env=env) as server:
        url = server.json()["url"]
        assert httpx.get(f"{url}requests").status_code == 401
        (made,) = cli.lines("keys", "add", "dashboard", "--right", "read")
        headers = {"Authorization": f"Bearer {made['key']}"}
        assert httpx.get(f"{url}requests", headers=headers).status_code == 200
        assert httpx.post(f"{url}events", headers=headers, json={}).status_code == 403
        assert cli("keys", "revoke", made["id"]).exit_code == 0
        assert httpx.get(f"{url}requests", headers=headers).status_code == 401
        assert server.end() == 0


def test_revoking_nothing_fails_and_says_where_to_look(cli: Commands) -> None:
    result = cli("keys", "revoke", "nobody")
    assert result.exit_code == 1
    assert "keys list" in result.stderr


def test_a_broken_keys_file_is_reported_in_one_line_and_left_unchanged(
    cli: Commands, file: Path
) -> None:
    file.write_text("{")
    result = cli("keys", "add", "dashboard")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert file.read_text() == "{"


def test_without_a_keys_file_it_says_which_option_is_missing(tmp_path: Path) -> None:
    result = Commands(clean_env(tmp_path))("keys", "list")
    assert result.exit_code == 2
    assert "--file" in result.stderr
