"""What kernels and scripts are given, who else can read it, and that a stop removes it."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import httpx

from tests.server.door import PATIENCE_SECONDS, Door, note

NAMES = ("CREWAI_HITL_KERNEL_URL", "CREWAI_HITL_KERNEL_KEY")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def put_out(runtime: Path) -> list[Path]:
    return list(runtime.glob("crewai-hitl-*.json"))


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


async def printed_by_a_kernel(door: Door, code: str) -> str:
    """Start a real kernel, let it run the code, and return what it prints."""
    kernels: Any = door.app.kernel_manager
    kernel_id = await kernels.start_kernel(kernel_name="python3")
    kernel = kernels.get_kernel(kernel_id).client()
    kernel.start_channels()
    said: list[str] = []

    def hear(message: dict[str, Any]) -> None:
        if message["msg_type"] == "stream":
            said.append(message["content"]["text"])

    try:
        await kernel.wait_for_ready(timeout=PATIENCE_SECONDS * 2)
        await kernel.execute_interactive(code, timeout=PATIENCE_SECONDS, output_hook=hear)
    finally:
        kernel.stop_channels()
        await kernels.shutdown_kernel(kernel_id, now=True)
    return "".join(said)


async def test_a_kernel_finds_url_and_key_and_can_publish_with_them(door: Door) -> None:
    code = f"import json, os; print(json.dumps([os.environ[name] for name in {NAMES}]))"
    url, key = json.loads(await printed_by_a_kernel(door, code))
    assert url == door.url
    assert key != door.token
    async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"token {key}"}) as http:
        assert (await http.post("events", json=note("from a kernel"))).status_code == 200


async def test_the_file_for_scripts_says_the_same_and_only_its_user_reads_it(
    door: Door, jp_runtime_dir: Path
) -> None:
    (file,) = put_out(jp_runtime_dir)
    url, key = (os.environ[name] for name in NAMES)
    assert read(file) == {"url": url, "key": key, "pid": os.getpid()}
    assert mode(file) == 0o600


async def test_the_log_and_the_kernel_key_are_for_their_user_only(door: Door) -> None:
    folder = door.data_dir / "crewai-hitl"
    assert mode(folder) == 0o700
    assert mode(folder / "kernel_key") == 0o600
    assert mode(folder / "human_input.db") == 0o600


async def test_a_stop_takes_everything_back(door: Door, jp_runtime_dir: Path) -> None:
    before = [os.environ[name] for name in NAMES]
    await door.close()
    assert not any(name in os.environ for name in NAMES)
    assert put_out(jp_runtime_dir) == []
    await door.open()
    assert [os.environ[name] for name in NAMES] == before
