"""`crewai-hitl doctor`: what works, what does not, and the fix."""

import json
import os
from pathlib import Path

import pytest

from crewai_hitl_nb import __version__
from tests.certificate import untrusted_server
from tests.cli.command import Commands, Json, clean_env
from tests.jupyter_process import free_port


def examined(cli: Commands, *args: str, exit_code: int) -> dict[str, Json]:
    """Return the checks by name."""
    result = cli("doctor", "--json", *args)
    checks = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == exit_code, result.output
    for check in checks:
        assert check["mend"] or check["state"] != "broken"
    return {check["name"]: check for check in checks}


def test_all_is_well_where_everything_is_installed_and_a_server_is_named(cli: Commands) -> None:
    checks = examined(cli, exit_code=0)
    assert {name: check["state"] for name, check in checks.items()} == {
        "server": "ok",
        "reachable": "ok",
        "authorised": "ok",
        "versions": "ok",
        "server extension": "ok",
        "lab extension": "ok",
        "front end": "ok",
        "crewai": "ok",
        "kernel": "note",
        "stdin": "note",
    }
    assert "CREWAI_HITL_URL" in checks["server"]["message"]
    assert __version__ in checks["versions"]["message"]


def test_for_people_the_fix_is_printed_below_each_broken_check(tmp_path: Path) -> None:
    result = Commands(clean_env(tmp_path))("doctor")
    assert result.exit_code == 1
    broken, fix = result.stdout.splitlines()[:2]
    assert broken.startswith("broken  server: no server was found")
    assert fix.strip().startswith("fix:")
    assert "CREWAI_HITL_URL" in fix


def test_a_server_that_is_away_is_broken(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/"
    checks = examined(Commands(clean_env(tmp_path)), "--url", url, exit_code=1)
    assert checks["server"]["state"] == "ok"
    assert checks["reachable"]["state"] == "broken"


def test_an_untrusted_certificate_is_broken_and_says_how_to_trust_it(tmp_path: Path) -> None:
    cli = Commands(clean_env(tmp_path))
    with untrusted_server(tmp_path) as url:
        check = examined(cli, "--url", url, exit_code=1)["reachable"]
    assert "cannot be trusted" in check["message"]
    assert "SSL_CERT_FILE" in check["mend"]


def test_a_second_server_of_the_user_is_noted_with_how_to_choose_it(
    tmp_path: Path, url: str
) -> None:
    env = clean_env(tmp_path)
    folder = Path(env["JUPYTER_RUNTIME_DIR"])
    folder.mkdir()
    for name, address in (("1", url), ("2", "http://127.0.0.1:9/")):
        content = {"url": address, "key": "k", "pid": os.getpid()}
        file = folder / f"crewai-hitl-{name}.json"
        file.touch(0o600)
        file.write_text(json.dumps(content))
        os.utime(file, (int(name), int(name)))
    check = examined(Commands(env), exit_code=1)["servers"]
    assert check["state"] == "note"
    assert check["mend"] == f"to choose another one: --url {url}"


@pytest.mark.parametrize(("token", "sent"), [((), "no token"), (("--token", "no"), "wrong token")])
def test_a_server_that_does_not_let_us_in_is_broken(
    tmp_path: Path, url: str, token: tuple[str, ...], sent: str
) -> None:
    checks = examined(Commands(clean_env(tmp_path)), "--url", url, *token, exit_code=1)
    assert checks["reachable"]["state"] == "ok"
    assert checks["authorised"]["state"] == "broken"
    assert sent in checks["authorised"]["message"]


def test_a_disabled_server_extension_is_broken(env: dict[str, str], tmp_path: Path) -> None:
    config = tmp_path / "jupyter_server_config.d" / "off.json"
    config.parent.mkdir()
    config.write_text('{"ServerApp": {"jpserver_extensions": {"crewai_hitl_nb": false}}}')
    cli = Commands({**env, "JUPYTER_CONFIG_PATH": str(tmp_path)})
    check = examined(cli, exit_code=1)["server extension"]
    assert check["state"] == "broken"
    assert "jupyter server extension enable crewai_hitl_nb" in check["mend"]


def test_a_lab_extension_without_its_script_is_broken(env: dict[str, str], tmp_path: Path) -> None:
    manifest = tmp_path / "labextensions" / "crewai-hitl-nb" / "package.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_text('{"jupyterlab": {"_build": {"load": "static/gone.js"}}}')
    cli = Commands({**env, "JUPYTER_PATH": str(tmp_path)})
    assert examined(cli, exit_code=1)["lab extension"]["state"] == "broken"


def test_in_a_kernel_it_says_which_and_whether_its_server_knows_us(
    env: dict[str, str], url: str
) -> None:
    cell = {**env, "JPY_PARENT_PID": "1", "JPY_SESSION_NAME": "quickstart.ipynb"}
    check = examined(Commands(cell), exit_code=0)["kernel"]
    assert "quickstart.ipynb" in check["message"]
    assert "no server was found" in check["message"]
    assert "jupyter server extension list" in check["mend"]
    told = {**cell, "CREWAI_HITL_KERNEL_URL": url}
    assert examined(Commands(told), exit_code=0)["kernel"]["state"] == "ok"


@pytest.mark.parametrize(("host", "state"), [("", "note"), ("https://ada.hub.example", "ok")])
def test_a_hub_without_a_host_name_for_each_user_is_warned_of(
    tmp_path: Path, host: str, state: str
) -> None:
    env = clean_env(tmp_path, JUPYTERHUB_SERVICE_PREFIX="/user/ada/", JUPYTERHUB_HOST=host)
    check = examined(Commands(env), exit_code=1)["hub"]
    assert check["state"] == state
    assert ("subdomain_host" in check["mend"]) is (state == "note")
