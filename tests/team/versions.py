"""The version after this one, for tests of upgrades: a copy of the package with one migration more.

The copy is real code in a folder of its own, which a process runs when it starts there.
"""

import shutil
from pathlib import Path

from crewai_hitl_nb.store.postgres import schema
from tests.jupyter_process import REPOSITORY

NEXT = schema.VERSION + 1

_MIGRATION = """
CREATE TABLE log.upgrades (servers integer NOT NULL);
INSERT INTO log.upgrades SELECT count(*) FROM log.replicas WHERE expires > clock_timestamp();
ALTER TABLE log.state ADD COLUMN added text NOT NULL DEFAULT 'state';
ALTER TABLE log.events ADD COLUMN added text NOT NULL DEFAULT 'event';
ALTER TABLE log.requests ADD COLUMN added text NOT NULL DEFAULT 'request';
ALTER TABLE log.replicas ADD COLUMN added text NOT NULL DEFAULT 'replica';
ALTER TABLE log.duties ADD COLUMN added text NOT NULL DEFAULT 'duty';
ALTER TABLE log.notes ADD COLUMN added text NOT NULL DEFAULT 'note';
"""
"""It adds to each table that servers write. Run twice, it would fail."""


def next_version(folder: Path, *, oldest_writer: int = schema.OLDEST_WRITER) -> Path:
    """Make the next version in a folder, and return the folder.

    Args:
        folder: An empty one.
        oldest_writer: The oldest version that may write beside it.
    """
    package = shutil.copytree(
        REPOSITORY / "crewai_hitl_nb",
        folder / "crewai_hitl_nb",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    (folder / "tests").symlink_to(REPOSITORY / "tests")
    file = package / "store" / "postgres" / "schema.py"
    text = file.read_text()
    version, script = "\nVERSION: Final =", f'"""{_MIGRATION}"""'
    oldest = f"\nOLDEST_WRITER: Final = {schema.OLDEST_WRITER}\n"
    assert text.count(version) == text.count(oldest) == 1
    text = text.replace(version, f"\nMIGRATIONS = (*MIGRATIONS, {script})\n{version}")
    file.write_text(text.replace(oldest, f"\nOLDEST_WRITER = {oldest_writer}\n"))
    return folder
