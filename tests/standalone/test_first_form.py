"""What checks a form is loaded when the server starts: the first form holds up nobody."""

import subprocess
import sys
import threading
from queue import SimpleQueue

import pytest

from crewai_hitl_nb.protocol import form_values
from crewai_hitl_nb.server.standalone import HumanInputServer

SECONDS = 20.0

CHECK = """
import sys
from crewai_hitl_nb.protocol import form_values

form_values.prepare()
before = set(sys.modules)
fields = {"rows": {"type": "integer"}, "to": {"type": "string", "format": "email"}}
errors = form_values.form_errors({"properties": fields}, {"rows": "many", "to": "nobody"})
print(len(errors), set(sys.modules) - before)
"""


def test_a_server_that_starts_loads_it_beside_its_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded_on: SimpleQueue[str] = SimpleQueue()
    monkeypatch.setattr(
        form_values, "prepare", lambda: loaded_on.put(threading.current_thread().name)
    )
    with HumanInputServer(port=0):
        assert loaded_on.get(timeout=SECONDS) != "hitl-server"


def test_what_was_prepared_is_all_that_a_check_needs() -> None:
    check = [sys.executable, "-c", CHECK]
    done = subprocess.run(check, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "2 set()"
