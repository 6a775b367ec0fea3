"""Files: given to a question as context, and attached to an answer, in this very process."""

import asyncio
import copy
import pickle
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from crewai.flow.flow import Flow, start
from crewai.flow.human_feedback import human_feedback
from pydantic import (
    BaseModel,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

import crewai_hitl_nb as hitl
from crewai_hitl_nb.client import Client
from crewai_hitl_nb.kernel.ask.answer_types import Typed
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import FieldError, InvalidAnswer
from crewai_hitl_nb.protocol.files import FILE
from tests.kernel.conftest import next_question

CSV = b"id,total\n1,7.10\n"
PDF = b"%PDF-1.7 \x00\xff"


class Claim(BaseModel):
    """What a person hands in."""

    amount: float
    receipt: Annotated[hitl.File, hitl.Accept(".pdf", "image/*", max_bytes=1000)]
    scans: list[hitl.File] = []
    note: hitl.File | None = None

    @field_validator("receipt")
    @classmethod
    def is_a_pdf(cls, receipt: hitl.File) -> hitl.File:
        """Look into it, which no form can."""
        if not receipt.read().startswith(b"%PDF"):
            raise ValueError("is not a PDF inside")
        return receipt

    @model_validator(mode="after")
    def is_not_free(self) -> "Claim":
        """Refuse what no form can know."""
        if self.amount == 0:
            raise ValueError("nothing to pay")
        return self


@contextmanager
def asked(prompt: str = "Well?", **options: Any) -> "Iterator[Future[Any]]":
    """Ask on a thread, as a test cannot wait and answer at once."""
    with ThreadPoolExecutor(1) as pool:
        try:
            yield pool.submit(lambda: hitl.ask(prompt, **options))
        except BaseException:
            hitl.disable()
            raise


def uploaded(client: Client, request_id: str, name: str, content: bytes) -> dict[str, Any]:
    """Upload a file, and return its reference for the values of an answer."""
    reference = client.upload(request_id, content, name=name)
    plain: dict[str, Any] = msgspec.to_builtins(reference)
    return plain


# ------------------------------------------------------------ the file itself


def test_a_file_of_this_machine_is_read_once_and_saved_elsewhere(tmp_path: Path) -> None:
    at = tmp_path / "sales.csv"
    at.write_bytes(CSV)
    file = hitl.File.from_path(at)
    at.write_bytes(b"other")

    assert (file.name, file.media_type, file.size) == ("sales.csv", "text/csv", len(CSV))
    assert (file.read(), file.text()) == (CSV, CSV.decode())
    assert str(file) == "sales.csv (16 bytes)"
    assert file.save(tmp_path / "copy.csv").read_bytes() == CSV
    with pytest.raises(FileExistsError):  # the name is somebody else's, so it replaces nothing
        file.save(tmp_path)
    assert at.read_bytes() == b"other"
    (folder := tmp_path / "folder").mkdir()
    assert file.save(folder) == folder / "sales.csv"


def test_what_reads_open_files_reads_one() -> None:
    pd: Any = import_module("pandas")
    frame = pd.read_csv(hitl.File.from_bytes("s.csv", CSV).open())
    assert frame.to_dict("records") == [{"id": 1, "total": 7.1}]


def test_a_name_with_folders_leads_nowhere() -> None:
    assert hitl.File.from_bytes("../../.ssh/authorized_keys", b"").name == "authorized_keys"
    assert hitl.File.from_bytes("..", b"").name not in (".", "..", "")


def test_a_file_cannot_be_changed_and_travels_with_its_content() -> None:
    file = hitl.File.from_bytes("a.bin", b"1")

    with pytest.raises(AttributeError):
        file.name = "b.bin"  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(file)).read() == b"1"
    assert copy.deepcopy(file) == file == hitl.File.from_bytes("a.bin", b"1")
    assert file != hitl.File.from_bytes("a.bin", b"2")


def test_what_is_no_file_or_too_large_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not a file"):
        hitl.File.from_path(tmp_path)
    with pytest.raises(FileNotFoundError):
        hitl.File.from_path(tmp_path / "missing")
    (large := tmp_path / "large").touch()
    with large.open("r+b") as file:
        file.truncate(limits.MAX_FILE_BYTES + 1)
    with pytest.raises(ValueError, match=r"limit of 8\.3 MB"):
        hitl.File.from_path(large)
    with pytest.raises(ValueError, match=r"'\.csv', 'text/csv'"):
        hitl.Accept("csv")


def test_a_model_is_dumped_with_the_reference_and_read_again_without_the_content() -> None:
    adapter = TypeAdapter(hitl.File)
    file = hitl.File.from_bytes("a.txt", b"1")
    again = adapter.validate_json(adapter.dump_json(file))

    assert again == file
    with pytest.raises(ValueError, match="only its reference"):
        again.read()
    with pytest.raises(ValidationError, match=r"must be a hitl\.File"):
        adapter.validate_python("a.txt")
    limited: TypeAdapter[hitl.File] = TypeAdapter(
        Annotated[hitl.File, hitl.Accept(".csv", max_bytes=0)]
    )
    with pytest.raises(ValidationError, match=r"a.txt must be one of these kinds of files: .csv"):
        limited.validate_python(file)


# ------------------------------------------------------------ in a form


def test_the_form_says_which_files_it_takes() -> None:
    schema = Typed.of(Claim).response().schema
    assert schema is not None
    file = {"type": "object", "format": "file"}
    fields = {
        name: {key: rule for key, rule in field.items() if key != "title"}
        for name, field in schema["properties"].items()
    }
    assert fields == {
        "amount": {"type": "number"},
        "receipt": {**file, "accept": [".pdf", "image/*"], "maxBytes": 1000},
        "scans": {"type": "array", "items": file},
        "note": file,
    }
    assert schema["required"] == ["amount", "receipt"]


@pytest.mark.parametrize(
    "kind",
    [
        list[Annotated[hitl.File, hitl.Accept(".csv")]],
        Annotated[list[hitl.File], hitl.Accept(".csv")],
        Annotated[list[hitl.File], Field(json_schema_extra={"accept": [".csv"]})],
        Annotated[list[hitl.File], Field(min_length=1, max_length=3), hitl.Accept(".csv")],
    ],
)
def test_the_kinds_of_files_may_be_said_of_the_list_or_of_its_items(kind: Any) -> None:
    schema = Typed.of(kind).response().schema
    assert schema is not None
    field = schema["properties"]["files"]

    assert field["items"]["accept"] == [".csv"]
    assert "accept" not in field


def test_a_file_cannot_be_filled_in_beforehand() -> None:
    claim = Claim(amount=1, receipt=hitl.File.from_bytes("a.pdf", PDF))
    with pytest.raises(
        ValueError, match="default cannot have a file, which people attach: receipt"
    ):
        Typed.of(Claim).default(claim)
    for schema, default in ((hitl.File, claim.receipt), (list[hitl.File], [claim.receipt])):
        with pytest.raises(ValueError, match="default cannot have a file, which people attach"):
            Typed.of(schema).default(default)


@pytest.mark.usefixtures("bridge")
def test_a_model_with_files_comes_back_with_their_contents(client: Client) -> None:
    with asked("Hand it in", schema=Claim) as answer:
        request_id = next_question(client).request_id
        receipt = uploaded(client, request_id, "r.pdf", PDF)
        scans = [uploaded(client, request_id, f"{n}.png", b"%d" % n) for n in range(2)]
        with pytest.raises(InvalidAnswer) as wrong:
            client.answer(request_id, values={"amount": 1, "receipt": scans[0] | {"size": 7}})
        client.answer(request_id, values={"amount": 1, "receipt": receipt, "scans": scans})
        claim = answer.result()

    assert [error.field for error in wrong.value.errors] == ["values.receipt"]
    assert (claim.receipt.read(), claim.receipt.name) == (PDF, "r.pdf")
    assert [scan.read() for scan in claim.scans] == [b"0", b"1"]
    assert claim.note is None


@pytest.mark.usefixtures("bridge")
def test_a_form_that_is_asked_again_says_which_files_to_choose_again(client: Client) -> None:
    with asked("Hand it in", schema=Claim) as answer:
        first = next_question(client).request_id
        values = {"amount": 0, "receipt": uploaded(client, first, "r.pdf", PDF)}
        client.answer(first, values=values)
        again = next_question(client)
        receipt = uploaded(client, again.request_id, "r.pdf", PDF)
        client.answer(again.request_id, values={"amount": 2, "receipt": receipt})
        assert answer.result().receipt.read() == PDF

    assert FieldError("values.receipt", "choose r.pdf again") in (again.response.errors or ())
    assert again.response.schema is not None
    assert again.response.schema["properties"]["amount"]["default"] == 0
    assert "default" not in again.response.schema["properties"]["receipt"]
    assert "r.pdf (11 bytes)" in again.history[0].feedback


@pytest.mark.usefixtures("bridge")
def test_a_validator_looks_into_a_file_and_its_words_stand_beside_the_field(
    client: Client,
) -> None:
    with asked("Hand it in", schema=Claim) as answer:
        first = next_question(client).request_id
        values = {"amount": 1, "receipt": uploaded(client, first, "r.pdf", CSV)}
        client.answer(first, values=values)
        again = next_question(client)
        receipt = uploaded(client, again.request_id, "r.pdf", PDF)
        client.answer(again.request_id, values={"amount": 1, "receipt": receipt})
        answer.result()

    assert again.response.errors == (FieldError("values.receipt", "is not a PDF inside"),)


@pytest.mark.usefixtures("bridge")
@pytest.mark.parametrize(
    ("schema", "values", "expected"),
    [
        (hitl.File, {"file": 0}, CSV),
        (Annotated[hitl.File, hitl.Accept(".csv")], {"file": 0}, CSV),
        (list[hitl.File], {"files": [0, 0]}, [CSV, CSV]),
        (hitl.File | None, {"file": 0}, CSV),
        (hitl.File | None, {}, None),
    ],
)
def test_a_file_alone_is_the_answer(
    client: Client, schema: Any, values: dict[str, Any], expected: Any
) -> None:
    with asked(schema=schema) as answer:
        question = next_question(client)
        file = uploaded(client, question.request_id, "sales.csv", CSV)
        filled = {
            name: [file] * len(value) if isinstance(value, list) else file
            for name, value in values.items()
        }
        client.answer(question.request_id, values=filled)
        found = answer.result()

    if isinstance(found, list):
        assert [one.read() for one in found] == expected
    else:
        assert (found and found.read()) == expected


@pytest.mark.usefixtures("bridge")
def test_a_json_schema_gives_files_in_its_dict(client: Client) -> None:
    file = {"type": "object", "format": "file", "accept": [".csv"]}
    row = {"type": "object", "properties": {"n": {"type": "integer"}, "file": file}}
    fields = {"table": file, "rows": {"type": "array", "items": row}}
    with asked(schema={"type": "object", "properties": fields}) as answer:
        request_id = next_question(client).request_id
        table = uploaded(client, request_id, "sales.csv", CSV)
        client.answer(request_id, values={"table": table, "rows": [{"n": 1, "file": table}]})
        found = answer.result()

    assert found["table"].read() == CSV
    assert found["rows"][0]["file"].text() == CSV.decode()
    assert found["rows"][0]["n"] == 1


@pytest.mark.usefixtures("bridge")
def test_a_file_is_asked_for_and_read_on_an_event_loop(client: Client) -> None:
    async def ask_and_read() -> bytes:
        file = await hitl.ask_async("The invoice?", schema=hitl.File)
        return file.read()

    with ThreadPoolExecutor(1) as pool:
        content = pool.submit(lambda: asyncio.run(ask_and_read()))
        question = next_question(client)
        file = uploaded(client, question.request_id, "i.pdf", PDF)
        client.answer(question.request_id, values={"file": file})
        assert content.result() == PDF


# ------------------------------------------------------------ as context


def attached(question: Any) -> dict[str, Any]:
    return {name: bundle[FILE] for name, bundle in question.attachments.items() if FILE in bundle}


@pytest.mark.usefixtures("bridge")
def test_a_file_and_a_path_are_there_before_the_question_is(client: Client, tmp_path: Path) -> None:
    (path := tmp_path / "a [draft].csv").write_bytes(CSV)
    context = {"table": path, "report": hitl.File.from_bytes("r.pdf", PDF), "folder": tmp_path}
    with asked(context=context) as answer:
        question = next_question(client)
        files = attached(question)
        contents = {
            file["name"]: client.download(question.request_id, file["sha256"])
            for file in files.values()
        }
        client.answer(question.request_id, "Fine")
        answer.result()

    assert contents == {"a [draft].csv": CSV, "r.pdf": PDF}
    assert "[a (draft).csv](attachment:file-1)" in question.context
    assert "[r.pdf](attachment:file-2)" in question.context


@pytest.mark.usefixtures("bridge")
def test_a_file_that_cannot_be_read_is_named_with_the_reason(
    client: Client, tmp_path: Path
) -> None:
    with asked(context=tmp_path / "missing.csv") as answer:
        question = next_question(client)
        client.answer(question.request_id, "Fine")
        answer.result()

    assert "missing.csv could not be attached: No such file or directory.)" in question.context
    assert question.attachments == {}


@pytest.mark.usefixtures("bridge")
def test_a_file_that_the_server_refuses_is_named_with_the_reason_and_the_question_goes_out(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crewai_hitl_nb.client import AsyncClient
    from crewai_hitl_nb.protocol.errors import FilesFull

    upload = AsyncClient.upload

    async def refusing(self: AsyncClient, request_id: str, content: Any, **rest: Any) -> Any:
        if content == PDF:  # no test fills the disk of its machine
            raise FilesFull("the log has 4.2 GB of files", limit=0)
        return await upload(self, request_id, content, **rest)

    monkeypatch.setattr(AsyncClient, "upload", refusing)
    context = [hitl.File.from_bytes("r.pdf", PDF), hitl.File.from_bytes("s.csv", CSV)]
    with asked(context=context) as answer:
        question = next_question(client)
        client.answer(question.request_id, "Fine")
        answer.result()

    assert "(r.pdf could not be attached: the log has 4.2 GB of files.)" in question.context
    assert "attachment:file-1" not in question.context
    assert list(attached(question)) == ["file-2"]


class Reports(Flow):  # type: ignore[type-arg]
    """A flow whose step makes a file."""

    @start()
    @human_feedback(message="Is the report fine?")
    def report(self) -> Any:
        """Return a file."""
        return hitl.File.from_bytes("report.pdf", PDF)


@pytest.mark.usefixtures("bridge")
def test_the_file_that_a_flow_made_can_be_looked_at_before_it_is_accepted(
    client: Client,
) -> None:
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(Reports().kickoff)
        question = next_question(client)
        (file,) = attached(question).values()
        assert client.download(question.request_id, file["sha256"]) == PDF
        client.answer(question.request_id, "Fine")
        running.result()
