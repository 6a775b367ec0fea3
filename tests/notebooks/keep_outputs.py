"""A pytest plugin beside nbval: keeps what a notebook printed and showed while it was tested.

nbval throws the outputs away. Here the notebook is written to the folder `EXECUTED` with them,
each card with the request as the server knew it at the end, for the gallery of the documentation
site. Loaded with `-p` in the process that runs nbval; nothing else knows of it.
"""

import os
from pathlib import Path

import msgspec
import nbformat
import pytest
from nbval.plugin import IPyNbCell

import crewai_hitl_nb as hitl

CARD = "application/vnd.crewai-hitl.request+json"


def pytest_sessionfinish(session: pytest.Session) -> None:
    cells = [item for item in session.items if isinstance(item, IPyNbCell)]
    if not cells:
        return
    notebook = cells[0].parent.nb
    with hitl.Client() as client:
        for item in cells:
            item.cell.outputs = item.test_outputs or []
            item.cell.execution_count = item.cell_num + 1
            for output in item.cell.outputs:
                describe_end(client, output.get("data", {}))
    nbformat.write(notebook, Path(os.environ["EXECUTED"]) / cells[0].path.name)


def describe_end(client: hitl.Client, data: dict[str, dict[str, object]]) -> None:
    """Put the request, with its answer, beside the question of a card or of a run."""
    execution_id = data.get(CARD, {}).get("execution_id")
    if isinstance(execution_id, str):
        asked = client.requests(execution_id=execution_id)
        data[CARD]["requests"] = [msgspec.to_builtins(request) for request in asked]
    request_id = data.get(CARD, {}).get("request_id")
    if isinstance(request_id, str):
        data[CARD]["request"] = msgspec.to_builtins(client.request(request_id))
