"""The keys file under many processes: what was added stays, what was revoked is gone for good."""

import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest

from crewai_hitl_nb.server.auth.keyring import KeyFileError, Keyring

NOW = datetime(2026, 11, 29, tzinfo=timezone.utc)
PROCESSES, TURNS = 8, 10

CHANGES = """
import sys
from datetime import datetime, timezone
from pathlib import Path
from crewai_hitl_nb.server.auth.keyring import Keyring

ring, name, doomed = Keyring(Path(sys.argv[1])), sys.argv[2], sys.argv[3:]
print("ready", flush=True)
sys.stdin.readline()
for turn, key_id in enumerate(doomed):
    ring.add(f"{name}-{turn}", ["read"], datetime.now(timezone.utc))
    assert ring.revoke(key_id)
"""


def test_processes_that_add_and_revoke_at_once_lose_nothing(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    ring = Keyring(file)
    old = [ring.add(f"old-{n}", ["read"], NOW)[0].id for n in range(PROCESSES * TURNS)]
    command = [sys.executable, "-c", CHANGES, str(file)]
    running = [
        subprocess.Popen(
            [*command, f"p{n}", *old[n::PROCESSES]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(PROCESSES)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in running:
        process.communicate(timeout=60)
        assert process.returncode == 0
    names = {key.name for key in ring.all()}
    assert names == {f"p{n}-{turn}" for n in range(PROCESSES) for turn in range(TURNS)}
    assert {path.name for path in tmp_path.iterdir()} == {"keys.json", "keys.json.lock"}


def test_a_reader_sees_every_change_however_quickly_they_follow_each_other(tmp_path: Path) -> None:
    writer, reader = (Keyring(tmp_path / "keys.json") for _ in range(2))
    for _ in range(50):
        entry, key = writer.add("one", ["read"], NOW)
        assert reader.find(key) == entry
        writer.revoke(entry.id)
        assert reader.find(key) is None


def test_a_file_that_is_called_by_two_names_has_one_lock(tmp_path: Path) -> None:
    file, link = tmp_path / "keys.json", tmp_path / "link.json"
    Keyring(file).add("first", ["read"], NOW)
    link.symlink_to(file)
    Keyring(link).add("second", ["read"], NOW)
    assert link.is_symlink()
    assert [key.name for key in Keyring(file).all()] == ["first", "second"]
    assert not (tmp_path / "link.json.lock").exists()


def test_what_cannot_be_written_changes_nothing_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = Keyring(tmp_path / "keys.json")
    entry, _ = ring.add("first", ["read"], NOW)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(KeyFileError, match="No space left"):
        ring.revoke(entry.id)
    assert [key.id for key in Keyring(tmp_path / "keys.json").all()] == [entry.id]
    assert not list(tmp_path.glob(".keys.json.*"))
