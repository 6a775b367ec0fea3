"""Where a log is kept: what a path or a URL of a store may say."""

import subprocess
import sys
from pathlib import Path

import pytest

import crewai_hitl_nb.store
from crewai_hitl_nb.server.standalone import HumanInputServer
from crewai_hitl_nb.store.memory import MemoryStore
from crewai_hitl_nb.store.open import UnsupportedStore, locate, open_store
from crewai_hitl_nb.store.postgres.store import PostgresStore
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


@pytest.mark.parametrize(
    "where", ["postgresql+psycopg://db/hitl", "mysql+pymysql://db/x", "redis://"]
)
def test_a_store_that_is_not_supported_is_refused_with_those_that_are(where: str) -> None:
    with pytest.raises(UnsupportedStore) as refused:
        locate(where)
    assert where.partition(":")[0] in refused.value.message
    assert "sqlite:///path" in refused.value.message
    assert "postgresql://host/database" in refused.value.message
    assert ":memory:" in refused.value.message


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "PostgreSQL"])
def test_both_schemes_of_postgresql_name_a_log_in_a_database(scheme: str) -> None:
    location = locate(f"{scheme}://ada:secret@db/hitl")
    assert str(location) == "postgresql://ada@db/hitl"
    assert not location.in_memory
    assert isinstance(open_store(location), PostgresStore)


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("postgresql://ada:secret@db:54x/hitl", "a port from 1 to 65535"),
        ("postgres://ada:secret@db/hitl?no_such=1", "no_such"),
        ("postgres://ada:secret@db/hitl?schema=Team", "lower-case"),
        ("postgresql:ada:secret@db/hitl", "postgresql://host/database"),
    ],
)
def test_a_wrong_url_of_a_database_is_one_line_without_its_password(where: str, says: str) -> None:
    with pytest.raises(UnsupportedStore, match=says) as refused:
        locate(where)
    assert "secret" not in refused.value.message
    assert "\n" not in refused.value.message


def test_without_the_client_a_url_of_a_database_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in list(sys.modules):
        if name.startswith("crewai_hitl_nb.store.postgres"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(crewai_hitl_nb.store, "postgres")
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(UnsupportedStore, match=r"pip install 'crewai-hitl-nb\[postgres\]'"):
        locate("postgresql://db/hitl")


@pytest.mark.parametrize("where", ["log.db", ":memory:", "sqlite:///log.db"])
def test_a_log_elsewhere_imports_no_client_of_postgresql(where: str) -> None:
    code = (
        "import sys; from crewai_hitl_nb.store.open import *;"
        f" open_store(locate({where!r}));"
        " print([name for name in sys.modules if 'postgres' in name or 'psycopg' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


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
    with pytest.raises(ValueError, match="redis"):
        HumanInputServer(port=0, store="redis://db/hitl")
