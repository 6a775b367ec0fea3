"""Where a log is kept: what a path or a URL of a store may say."""

from pathlib import Path

import pytest

from crewai_hitl_nb.server.standalone import HumanInputServer
from crewai_hitl_nb.store.memory import MemoryStore
from crewai_hitl_nb.store.open import UnsupportedStore, locate, open_store
from crewai_hitl_nb.store.sqlite.store import SqliteStore


@pytest.mark.parametrize("where", [":memory:", "sqlite://", "sqlite:///:memory:"])
def test_a_log_in_memory_is_named_as_sqlite_names_it(where: str) -> None:
    location = locate(where)
    assert location.in_memory
    assert isinstance(open_store(location), MemoryStore)


@pytest.mark.parametrize(
    ("where", "path"),
    [
        ("log.db", "log.db"),
        ("/var/lib/log.db", "/var/lib/log.db"),
        (Path("folder") / "log.db", "folder/log.db"),
        ("~/log.db", str(Path.home() / "log.db")),
        ("sqlite:///log.db", "log.db"),
        ("SQLite:////var/lib/log.db", "/var/lib/log.db"),
        ("a:b.db", "a:b.db"),
    ],
)
def test_a_file_is_named_by_a_path_or_a_url(where: str | Path, path: str) -> None:
    location = locate(where)
    assert location.path == Path(path)
    store = open_store(location)
    assert isinstance(store, SqliteStore)
    assert store.path == Path(path)


@pytest.mark.parametrize("where", ["postgresql://db/hitl", "mysql+pymysql://db/x", "redis://"])
def test_a_store_that_is_not_supported_is_refused_with_those_that_are(where: str) -> None:
    with pytest.raises(UnsupportedStore) as refused:
        locate(where)
    assert where.partition(":")[0] in refused.value.message
    assert "sqlite:///path" in refused.value.message
    assert ":memory:" in refused.value.message


@pytest.mark.parametrize("where", ["sqlite:/tmp/log.db", "file:log.db", "memory:", "File:/x"])
def test_a_url_that_went_wrong_makes_no_file_of_that_name(where: str) -> None:
    with pytest.raises(UnsupportedStore, match="for a file of that name"):
        locate(where)
    assert locate(f"./{where}").path == Path(where)


def test_a_home_that_does_not_exist_is_refused_in_words() -> None:
    with pytest.raises(UnsupportedStore, match="home folder"):
        locate("~nobody-of-that-name/log.db")


def test_a_drive_of_windows_is_no_scheme() -> None:
    assert locate("C://logs/log.db").path == Path("C://logs/log.db")


def test_a_host_in_a_sqlite_url_is_refused_instead_of_dropped() -> None:
    with pytest.raises(UnsupportedStore, match="sqlite:///path"):
        locate("sqlite://db/log.db")


def test_a_standalone_server_refuses_such_a_url_where_it_is_written() -> None:
    with pytest.raises(ValueError, match="postgresql"):
        HumanInputServer(port=0, store="postgresql://db/hitl")
