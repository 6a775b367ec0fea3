"""A file that another user put, or may change, under a name of ours is not used."""

import asyncio
import json
import os
import shutil
import stat
from io import BufferedWriter
from pathlib import Path

import pytest

from crewai_hitl_nb.cli.serve import KeyTrouble, _api_key
from crewai_hitl_nb.client.discovery import find_endpoint
from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.server.auth import kernel_key
from crewai_hitl_nb.server.auth.keyring import KeyFileError, Keyring
from crewai_hitl_nb.server.extension import log_stem
from crewai_hitl_nb.store.file_ownership import ForeignFile
from crewai_hitl_nb.store.sqlite.salvage import salvage, salvage_in_place
from crewai_hitl_nb.store.sqlite.store import SqliteStore
from tests.events import NOON, required

pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows has no such modes")

KNOWN = "a-key-that-an-attacker-chose"
OTHER = 12_345
AS_ROOT = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away"
)


def plant(path: Path, text: str, *, mode: int = 0o600, owner: int | None = None) -> Path:
    path.write_text(text)
    path.chmod(mode)
    if owner is not None:
        os.chown(path, owner, -1)
    return path


@AS_ROOT
def test_another_users_kernel_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ForeignFile, match="belongs to another user"):
        kernel_key.load_or_make(plant(tmp_path / "kernel_key", KNOWN, owner=OTHER))


def test_a_kernel_key_behind_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kernel_key").symlink_to(plant(tmp_path / "elsewhere", KNOWN))
    with pytest.raises(ForeignFile, match="is a link"):
        kernel_key.load_or_make(tmp_path / "kernel_key")


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o606, 0o666])
def test_a_kernel_key_that_others_know_opens_nothing_any_more(tmp_path: Path, mode: int) -> None:
    path = plant(tmp_path / "kernel_key", KNOWN, mode=mode)
    key = kernel_key.load_or_make(path)
    assert key != KNOWN
    assert path.read_text().strip() == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert kernel_key.load_or_make(path) == key


def start(path: Path) -> None:
    async def run() -> None:
        store = SqliteStore(path)
        await store.start(lambda commits: None)
        await store.close()

    asyncio.run(run())


@AS_ROOT
@pytest.mark.parametrize("beside", ["", "-wal", "-shm", "-journal", ".lock"])
def test_another_users_log_is_refused_with_all_that_belongs_to_it(
    tmp_path: Path, beside: str
) -> None:
    start(tmp_path / "log.db")
    path = tmp_path / f"log.db{beside}"
    if beside:
        plant(path, "")
    os.chown(path, OTHER, -1)
    with pytest.raises(StoreUnavailable, match="belongs to another user"):
        start(tmp_path / "log.db")


@pytest.mark.parametrize("beside", ["", "-wal", ".lock"])
def test_a_log_behind_a_link_is_refused(tmp_path: Path, beside: str) -> None:
    target = plant(tmp_path / "elsewhere", "")
    (tmp_path / f"log.db{beside}").symlink_to(target)
    with pytest.raises(StoreUnavailable, match="is a link"):
        start(tmp_path / "log.db")
    assert target.read_text() == ""


def test_a_log_that_everybody_may_write_is_refused_and_the_fix_works(tmp_path: Path) -> None:
    start(tmp_path / "log.db")
    (tmp_path / "log.db").chmod(0o666)
    with pytest.raises(StoreUnavailable, match="chmod 0664"):
        start(tmp_path / "log.db")
    (tmp_path / "log.db").chmod(0o664)
    start(tmp_path / "log.db")  # a volume's group: closed to it, as at each mount
    assert stat.S_IMODE((tmp_path / "log.db").stat().st_mode) == 0o644


@pytest.mark.parametrize("mode", [0o644, 0o620, 0o602])
def test_a_keys_file_that_is_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "keys.json"
    Keyring(path).add("ada", ["read"], NOON)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match="chmod 0600"):
        Keyring(path)


@AS_ROOT
def test_another_users_keys_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    Keyring(path).add("mallory", ["read", "publish", "answer"], NOON)
    os.chown(path, OTHER, -1)
    with pytest.raises(KeyFileError, match="belongs to another user"):
        Keyring(path)


@pytest.mark.parametrize("how", ["open", "link", "foreign"])
def test_no_answer_goes_to_a_server_that_another_user_named(tmp_path: Path, how: str) -> None:
    said = json.dumps({"url": "http://127.0.0.1:1/", "key": "k", "pid": os.getpid()})
    name = tmp_path / "runtime" / "crewai-hitl-1.json"
    name.parent.mkdir()
    if how == "link":
        name.symlink_to(plant(tmp_path / "elsewhere", said))
    else:
        plant(name, said)
        assert find_endpoint(environ={}, runtime_dir=name.parent) is not None
    if how == "open":
        name.chmod(0o666)
    elif how == "foreign":
        if os.geteuid() != 0:
            pytest.skip("only root gives files away")
        os.chown(name, OTHER, -1)
    assert find_endpoint(environ={}, runtime_dir=name.parent) is None


def test_no_two_servers_share_a_log() -> None:
    names = ["", "x", "x-2", "x-2-2", "x.2", "x+2", "x%2B2", "x/2", "n" * 99, "n" * 200, "n" * 201]
    stems = [log_stem("human_input", name, number) for name in names for number in range(1, 21)]
    assert len(set(stems)) == len(stems)
    assert log_stem("human_input", "", 2) == "human_input-2"
    assert log_stem("human_input", "x-2", 1) == "human_input.x-2"
    assert all(len(stem) < 150 for stem in stems)


@AS_ROOT
@pytest.mark.parametrize("beside", ["", "-wal", ".lock"])
def test_another_users_log_is_not_salvaged_into_one_of_ours(tmp_path: Path, beside: str) -> None:
    start(tmp_path / "log.db")
    path = tmp_path / f"log.db{beside}"
    if beside:
        plant(path, "")
    os.chown(path, OTHER, -1)
    for into in (None, tmp_path / "new.db"):
        with pytest.raises(StoreUnavailable, match="belongs to another user"):
            _ = salvage_in_place(path, NOON) if into is None else salvage(path, into, NOON)
    assert not (tmp_path / "new.db").exists()


def test_the_copy_of_a_damaged_log_is_never_open_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a file cannot have two names it is copied, and is that user's from the first byte."""
    fill(tmp_path / "log.db")
    modes: list[int] = []

    def copy(old: object, new: BufferedWriter) -> None:
        modes.append(stat.S_IMODE(os.fstat(new.fileno()).st_mode))

    def refuse(*names: object) -> None:
        raise OSError("no second names here")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(shutil, "copyfileobj", copy)
    salvage_in_place(tmp_path / "log.db", NOON)
    assert modes
    assert set(modes) == {0o600}


def fill(path: Path) -> None:
    async def run() -> None:
        store = SqliteStore(path)
        await store.start(lambda commits: None)
        await store.append([required("r1")])
        await store.close()

    asyncio.run(run())


def test_a_lock_of_the_keys_file_that_leads_elsewhere_is_not_followed(tmp_path: Path) -> None:
    target = plant(tmp_path / "elsewhere", "precious")
    (tmp_path / "keys.json.lock").symlink_to(target)
    with pytest.raises(KeyFileError, match="is a link"):
        Keyring(tmp_path / "keys.json").add("ada", ["read"], NOON)
    assert target.read_text() == "precious"


@AS_ROOT
def test_a_servers_key_that_somebody_else_wrote_lets_nobody_in(tmp_path: Path) -> None:
    found = plant(tmp_path / "key", KNOWN, owner=OTHER)
    open_to_all = plant(tmp_path / "open", KNOWN, mode=0o666)
    for path, why in ((found, "belongs to another user"), (open_to_all, "chmod 0664")):
        with pytest.raises(KeyTrouble, match=why):
            _api_key(path)
    own = plant(tmp_path / "own", KNOWN, mode=0o640)
    (tmp_path / "mounted").symlink_to(own)
    assert _api_key(tmp_path / "mounted") == KNOWN
