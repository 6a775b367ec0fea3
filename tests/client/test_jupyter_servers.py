"""Why the Jupyter server of a kernel does not serve it: each cause, and its own fix.

The server's process is real, in a virtual environment of its own; the file that Jupyter writes
about it, and what is installed there, are written by the test.
"""

import json
import os
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from crewai_hitl_nb.client.discovery import Endpoint
from crewai_hitl_nb.client.jupyter_servers import setting, version_fault, why_no_server

NAMED = Endpoint("http://hub.example/crewai-hitl/")
OF_THIS_KERNEL = Endpoint("http://127.0.0.1:8888/crewai-hitl/", origin="CREWAI_HITL_KERNEL_URL")
SLEEP = "import sys; print('up', flush=True); sys.stdin.read()"


class Elsewhere:
    """A running Jupyter server in another environment, as far as its kernels can see it."""

    def __init__(
        self,
        folder: Path,
        code: str = SLEEP,
        *,
        python: str = "bin/python",
        program: Path | None = None,
        symlinks: bool = True,
    ) -> None:
        self.prefix = folder / "venv"
        self.runtime = folder / "runtime"
        self.runtime.mkdir()
        venv.create(self.prefix, symlinks=symlinks)
        (self.packages,) = self.prefix.glob("lib/python*/site-packages")
        self._process = subprocess.Popen(
            [python, *(("-c", code) if program is None else (program,))],
            executable=self.prefix / "bin" / "python",
            cwd=self.prefix,
            env={"HOME": str(folder), "PWD": str(self.prefix), "PATH": f"{self.prefix}/bin"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()
        self.file = self.runtime / f"jpserver-{self._process.pid}.json"
        self.file.write_text("{}")

    def install(self, *, seconds_ago: float = 0.0, into: Path | None = None) -> None:
        """Install the package there, as pip leaves it."""
        info = (into or self.packages) / "crewai_hitl_nb-0.1.0.dist-info"
        info.mkdir(parents=True)
        then = time.time() - seconds_ago
        os.utime(info, (then, then))
        self.enable(True)

    def enable(self, value: bool) -> None:
        """Say in its configuration whether servers load the extension."""
        config = self.prefix / "etc" / "jupyter" / "jupyter_server_config.json"
        config.parent.mkdir(parents=True, exist_ok=True)
        extensions = {"jpserver_extensions": {"crewai_hitl_nb": value}}
        config.write_text(json.dumps({"ServerApp": extensions}))

    def fault(self) -> tuple[str, str]:
        """Return what a kernel of this server says, and the fix."""
        environ = {"JPY_PARENT_PID": str(self._process.pid)}
        fault = why_no_server(environ, self.runtime)
        return fault.what, fault.fix

    def stop(self) -> None:
        """End the process."""
        self._process.communicate()


@contextmanager
def running(server: Elsewhere) -> Iterator[Elsewhere]:
    """Stop a server when its test is done."""
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Elsewhere]:
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "config"))
    with running(Elsewhere(tmp_path)) as server:
        yield server


def test_another_environment_without_the_package_is_named(elsewhere: Elsewhere) -> None:
    (elsewhere.packages / "pip").mkdir()
    what, fix = elsewhere.fault()
    assert f"another environment ({elsewhere.prefix})" in what
    assert f"`{elsewhere.prefix}/bin/python -m pip install crewai-hitl-nb`" in fix


def test_an_environment_that_uv_made_is_not_sent_to_pip(elsewhere: Elsewhere) -> None:
    _, fix = elsewhere.fault()
    assert f"`uv pip install --python {elsewhere.prefix}/bin/python crewai-hitl-nb`" in fix


@pytest.mark.parametrize("name", ["python3", "python"])
def test_the_advice_names_an_interpreter_that_exists(tmp_path: Path, name: str) -> None:
    with running(Elsewhere(tmp_path, python=name)) as server:
        _, fix = server.fault()
    assert f" {server.prefix}/bin/{name} " in fix


@pytest.mark.parametrize("place", ["lib/python3/dist-packages", "local/lib/python{}/dist-packages"])
def test_packages_of_debian_are_found(elsewhere: Elsewhere, place: str) -> None:
    version = "{}.{}".format(*sys.version_info)
    elsewhere.install(seconds_ago=600, into=elsewhere.prefix / place.format(version))
    assert "could not load it" in elsewhere.fault()[0]


@pytest.mark.parametrize("sees_the_system", [True, False])
def test_packages_of_the_user_count_where_python_reads_them(
    elsewhere: Elsewhere, sees_the_system: bool
) -> None:
    version = "{}.{}".format(*sys.version_info)
    user = elsewhere.prefix.parent / ".local" / "lib" / f"python{version}" / "site-packages"
    elsewhere.install(seconds_ago=600, into=user)
    config = f"include-system-site-packages = {sees_the_system}\n"
    (elsewhere.prefix / "pyvenv.cfg").write_text(config)
    expected = "could not load it" if sees_the_system else "does not have crewai-hitl-nb"
    assert expected in elsewhere.fault()[0]


def test_a_relative_interpreter_is_found_after_the_server_changed_its_folder(
    tmp_path: Path,
) -> None:
    with running(Elsewhere(tmp_path, code=f"import os; os.chdir('/'); {SLEEP}")) as server:
        assert f"another environment ({server.prefix})" in server.fault()[0]


def test_an_interpreter_that_may_be_one_of_two_is_not_guessed(tmp_path: Path) -> None:
    twin = tmp_path / "twin"
    venv.create(twin, symlinks=True)
    with running(Elsewhere(tmp_path, code=f"import os; os.chdir({str(twin)!r}); {SLEEP}")) as one:
        what, _ = one.fault()
    assert what == "the Jupyter server of this kernel does not serve crewai-hitl-nb"


def test_a_copied_interpreter_is_found_wherever_its_server_is(tmp_path: Path) -> None:
    code = f"import os; os.chdir('/'); {SLEEP}"
    with running(Elsewhere(tmp_path, code=code, python="./python", symlinks=False)) as server:
        assert f"another environment ({server.prefix})" in server.fault()[0]


def test_a_younger_python_program_with_the_process_id_of_an_ended_server_is_passed_over(
    elsewhere: Elsewhere,
) -> None:
    os.utime(elsewhere.file, (1e9, 1e9))
    assert elsewhere.fault()[0] == "no server was found"
    assert why_no_server({}, elsewhere.runtime).what == "no server was found"


@pytest.mark.parametrize("name", ["jupyter-lab", "jupyterhub-singleuser"])
def test_a_server_whose_clock_was_set_back_is_known_by_its_name(tmp_path: Path, name: str) -> None:
    program = tmp_path / name
    program.write_text(SLEEP)
    with running(Elsewhere(tmp_path, program=program)) as server:
        os.utime(server.file, (1e9, 1e9))
        assert "another environment" in server.fault()[0]


def test_a_disabled_extension_is_named(elsewhere: Elsewhere) -> None:
    elsewhere.install(seconds_ago=600)
    elsewhere.enable(False)
    what, fix = elsewhere.fault()
    assert "its extension is disabled" in what
    assert "jupyter server extension enable crewai_hitl_nb" in fix


def test_a_server_that_started_before_the_install_is_to_be_restarted(elsewhere: Elsewhere) -> None:
    elsewhere.install()
    what, fix = elsewhere.fault()
    assert what.endswith("started before crewai-hitl-nb was installed")
    assert fix == "restart Jupyter"


def test_an_extension_that_did_not_load_sends_people_to_the_servers_output(
    elsewhere: Elsewhere,
) -> None:
    elsewhere.install(seconds_ago=600)
    what, fix = elsewhere.fault()
    assert "could not load it" in what
    assert "what it prints about crewai_hitl_nb" in fix


def test_a_kernel_that_no_jupyter_server_started_is_told_how_to_name_one(tmp_path: Path) -> None:
    for environ in ({}, {"JPY_PARENT_PID": "1"}, {"JPY_PARENT_PID": "no number"}):
        fault = why_no_server(environ, tmp_path)
        assert fault.what == "no server was found"
        assert "CREWAI_HITL_URL" in fault.fix


def test_a_script_is_told_about_the_jupyter_server_that_runs(elsewhere: Elsewhere) -> None:
    fault = why_no_server({}, elsewhere.runtime)
    assert fault.what.startswith("the running Jupyter server belongs to another environment")


def test_another_program_with_the_process_id_of_an_ended_server_is_passed_over(
    tmp_path: Path,
) -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as other:
        (tmp_path / f"jpserver-{other.pid}.json").write_text("{}")
        assert why_no_server({}, tmp_path).what == "no server was found"


def test_a_server_that_has_ended_is_no_reason_to_fail(elsewhere: Elsewhere) -> None:
    elsewhere.stop()
    what, fix = elsewhere.fault()
    assert "does not serve crewai-hitl-nb" in what
    assert "CREWAI_HITL_URL" in fix


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({}, None),
        ({"a/jupyter_server_config.d/x.json": True}, True),
        ({"a/jupyter_server_config.json": False, "a/jupyter_server_config.d/x.json": True}, False),
        (
            {"a/jupyter_server_config.d/1.json": False, "a/jupyter_server_config.d/2.json": True},
            True,
        ),
        ({"a/jupyter_server_config.d/x.json": False, "b/jupyter_server_config.json": True}, False),
    ],
)
def test_the_setting_is_read_as_jupyter_reads_it(
    tmp_path: Path, files: dict[str, bool], found: bool | None
) -> None:
    from jupyter_server.extension.config import ExtensionConfigManager

    folders = [str(tmp_path / "a"), str(tmp_path / "b")]
    for name, value in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        extensions = {"jpserver_extensions": {"crewai_hitl_nb": value, "other": True}}
        path.write_text(json.dumps({"ServerApp": extensions}))
    jupyters = ExtensionConfigManager(read_config_path=folders)
    assert setting(folders) is found
    if found is not None:
        assert jupyters.get_jpserver_extensions()["crewai_hitl_nb"] is found


@pytest.mark.parametrize("text", ["", "[]", "{", '{"ServerApp": 1}', '{"ServerApp": {}}', "\x00"])
def test_a_configuration_file_that_says_nothing_is_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "jupyter_server_config.json").write_text(text)
    assert setting([tmp_path]) is None


@pytest.mark.parametrize("server", ["0.1.0", "0.1.9"])
def test_a_patch_release_changes_nothing(server: str) -> None:
    assert version_fault(server, "0.1.2", NAMED) is None


def test_an_older_server_is_named_with_both_versions() -> None:
    fault = version_fault("0.1.0", "0.2.0", NAMED)
    assert fault is not None
    assert "0.1.0" in fault.what
    assert "0.2.0" in fault.what
    assert "install the same version" in fault.fix


@pytest.fixture
def kernel_of_this_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A Jupyter server of this environment started this process: it is its own."""
    monkeypatch.setenv("JPY_PARENT_PID", str(os.getpid()))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    (tmp_path / f"jpserver-{os.getpid()}.json").write_text("{}")


@pytest.mark.usefixtures("kernel_of_this_environment")
def test_only_the_server_of_the_kernel_is_to_be_restarted_as_jupyter() -> None:
    own, other = (version_fault("0.1.0", "0.2.0", place) for place in (OF_THIS_KERNEL, NAMED))
    assert own is not None
    assert other is not None
    assert own.fix == "restart Jupyter: it started before this version was installed"
    assert "Jupyter" not in other.fix


@pytest.mark.usefixtures("kernel_of_this_environment")
@pytest.mark.parametrize("server", ["0.10.0", "1.0rc1"])
def test_a_newer_server_asks_for_an_upgrade_here(server: str) -> None:
    fault = version_fault(server, "0.2.0", OF_THIS_KERNEL)
    assert fault is not None
    assert fault.fix.startswith("upgrade crewai-hitl-nb in this environment")
