"""Where Tornado lacks a private name, and where shortcuts are off, its public code serves."""

import ast
import inspect
import logging
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
import tornado
from tornado import (
    http1connection,
    httpserver,
    httputil,
    iostream,
    netutil,
    tcpserver,
    web,
    websocket,
)

import crewai_hitl_nb
from crewai_hitl_nb.server.fast import tornado_internals
from crewai_hitl_nb.server.fast.tornado_internals import (
    NO_SHORTCUTS,
    Shortcuts,
    body_is_whole,
    find_shortcuts,
)
from tests.server.door import Door, configured, note
from tests.server.readers import TRANSPORTS, reading

PACKAGE = Path(crewai_hitl_nb.__file__).parent
ALL = Shortcuts(*(True for _ in Shortcuts._fields))
ABSENT = "RequestHandler._no_tornado_has_this"


MODULES = (http1connection, httpserver, httputil, iostream, netutil, web, websocket)
"""Those whose objects the server uses."""

PARENTS = {
    "HitlHandler": (web,),
    "IOStream": (iostream,),
    "JupyterHandler": (web,),
    "WebSocketHandler": (web, websocket),
    "WebSocketProtocol13": (websocket,),
    "WebSocketReading": (websocket,),
    "httpserver.HTTPServer": (httpserver, tcpserver),
    "web.RequestHandler": (web,),
}
"""Bases of our classes, and where Tornado's methods and attributes of them stand."""


@cache
def private_names(modules: tuple[ModuleType, ...] = MODULES) -> frozenset[str]:
    """Return the private names in the source of modules."""
    names: set[str] = set()
    for module in modules:
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Attribute):
                names.add(node.attr)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names.add(node.name)
    return frozenset(n for n in names if n.startswith("_") and not n.startswith("__"))


def own_names(tree: ast.AST) -> set[str]:
    """Return the names that a module defines, or sets on its own objects."""
    own: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                own.add(name)
            case ast.ClassDef(name=name):
                own.add(name)
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                own.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                own.add(name)
    return own


def names_in(tree: ast.AST) -> Iterator[tuple[str, bool]]:
    """Yield each name that is looked up, and whether on the module's own object."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=value, attr=name):
                yield name, isinstance(value, ast.Name) and value.id in ("self", "cls")
            case ast.Call(func=ast.Name(id="getattr" | "hasattr" | "setattr"), args=args):
                yield from ((str(a.value), False) for a in args[1:2] if isinstance(a, ast.Constant))
            case ast.ImportFrom(module=str(module), names=imported) if "tornado" in module:
                yield from ((alias.name, False) for alias in imported)


def private_uses(source: str) -> set[str]:
    """Return the private names of Tornado that a module looks up, replaces or shadows."""
    tree = ast.parse(source)
    own = own_names(tree)
    looked_up = {name for name, on_own in names_in(tree) if not (on_own and name in own)}
    used = looked_up & private_names()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for base in PARENTS.keys() & set(map(ast.unparse, node.bases)):
                used |= own_names(node) & private_names(PARENTS[base])
    return used


def test_a_new_tornado_can_break_one_file_only() -> None:
    uses = {
        str(path.relative_to(PACKAGE)): private_uses(source)
        for path in PACKAGE.rglob("*.py")
        if "tornado" in (source := path.read_text()) or "HitlHandler" in source
    }
    found = {path: names for path, names in uses.items() if names}
    needed = {
        name.partition(".")[2] for names in tornado_internals._NEEDED.values() for name in names
    }
    assert list(found) == ["server/fast/tornado_internals.py"], found
    (names,) = found.values()
    assert names >= needed - {"_new_cookie"}


def test_every_private_name_is_looked_for_before_it_is_used() -> None:
    ours = (PACKAGE / "server/fast/tornado_internals.py").read_text()
    needed = {
        name.partition(".")[2] for names in tornado_internals._NEEDED.values() for name in names
    }
    assert private_uses(ours) <= needed | {"_body_future", "_accept_connection"}


@pytest.mark.parametrize(
    "source",
    [
        "def f(handler): handler._break_cycles()",
        "class Mine(WebSocketProtocol13):\n async def _read_bytes(self, n): ...",
        "class Mine(WebSocketHandler):\n def f(self): return self._headers",
        "def f(request): return getattr(request, '_body_future', None)",
        "from tornado.websocket import _WebSocketParams",
    ],
)
def test_the_search_for_private_names_finds_them(source: str) -> None:
    assert private_uses(source)


def test_this_tornado_has_every_name_so_every_shortcut_is_taken(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert find_shortcuts() == ALL
    assert caplog.records == []


def test_one_line_of_the_log_says_what_tornado_lacks_and_which_shortcuts_that_costs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    needed = {**tornado_internals._NEEDED, "direct_writer": (ABSENT,), "poll_response": (ABSENT,)}
    with caplog.at_level(logging.WARNING):
        found = find_shortcuts(needed=needed)
    assert found == ALL._replace(direct_writer=False, poll_response=False)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line == (
        f"Tornado {tornado.version} lacks {ABSENT};"
        " its public code serves instead of: direct_writer, poll_response"
    )


def test_a_tornado_that_cannot_be_probed_serves_without_shortcuts(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def wants_more(handler: object, application: object, request: object) -> None:
        raise AttributeError("this request has no such thing")

    monkeypatch.setattr(tornado.web.RequestHandler, "__init__", wants_more)
    with caplog.at_level(logging.WARNING):
        assert find_shortcuts() == NO_SHORTCUTS
    assert "no shortcut is taken" in caplog.text


def test_a_method_that_tornado_no_longer_calls_counts_as_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def reads_some_other_way(self: object) -> None: ...

    monkeypatch.setattr(websocket.WebSocketProtocol13, "_receive_frame_loop", reads_some_other_way)
    assert find_shortcuts() == ALL._replace(idle_websocket=False)


@pytest.mark.parametrize("missing", Shortcuts._fields)
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_every_transport_delivers_without_any_one_shortcut(
    door: Door, transport: str, missing: str
) -> None:
    door.services.shortcuts = ALL._replace(**{missing: False})
    async with reading(transport, door) as reader:
        await reader.replayed()
        await door.publish(note("n1"))
        await reader.until("n1")
        await door.publish(note("n2"))
        await reader.until("n2")


@configured(shortcuts=False)
async def test_an_operator_can_turn_the_shortcuts_off(
    door: Door,
) -> None:
    assert door.services.shortcuts == NO_SHORTCUTS


@pytest.mark.parametrize(("received", "whole"), [(3, False), (4, True)])
def test_without_tornados_word_a_body_is_whole_when_all_announced_bytes_came(
    received: int, whole: bool
) -> None:
    headers = httputil.HTTPHeaders({"Host": "h", "Content-Length": "4"})
    line = httputil.RequestStartLine("POST", "/", "HTTP/1.1")
    request = httputil.HTTPServerRequest(start_line=line, headers=headers)
    assert body_is_whole(request, received) is whole
