"""A node as it runs, in a process of its own beside a real hub: what operators do to it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from ringwall.cli import exit_codes, main
from ringwall.exchange.resumption import MARGIN
from tests.operations.node_world import NodeWorld
from tests.operations.test_doctor import change_settings, diagnose, hub_running


@contextmanager
def node_running(directory: Path) -> Iterator[httpx.Client]:
    """Run ``ringwall up`` until the block ends; its log goes to ``node.log``."""
    from ringwall.core.settings import load_node_settings

    settings = load_node_settings(directory)
    environment = {key: text for key, text in os.environ.items() if key[:9] != "RINGWALL_"}
    with (directory / "node.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ringwall", "up", str(directory)], stderr=log, env=environment
        )
    try:
        url = f"http://{settings.http_host}:{settings.http_port}"
        with httpx.Client(base_url=url, trust_env=False, timeout=10) as http:
            wait_ready(http, process)
            yield http
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def wait_ready(http: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if http.get("/readyz").status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"not ready, exit code {process.poll()}")


def until(condition: object, what: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.1)


def test_backup_of_a_running_node_and_its_restore_beside_a_peer(
    world: NodeWorld, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change_settings(world, log_format="json", log_level="info")
    bbb = world.directory / "bbb-1"
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("correct horse battery\n")
    archive = tmp_path / "node.backup"
    token = world.give_token()
    with hub_running(world.hub), node_running(bbb) as peer:
        with node_running(world.node) as http:
            faults = {c.check: c for c in diagnose(world).values() if c.state != "ok"}
            assert faults.keys() <= {"backup", "memory"}, faults
            arguments = ["--to", str(archive), "--with-keys", "--passphrase-file", str(passphrase)]
            assert main(["backup", str(world.node), *arguments]) == exit_codes.OK
            assert capsys.readouterr().out.strip() == str(archive)
            assert main(["doctor", str(world.node)]) == exit_codes.OK
            # After the backup the first life goes on: what it states now, the backup lacks.
            first_life = state(http, token, "first life")
            until(lambda: count(peer, "ringwall_statements_received_total") >= 3, "at the peer")
            text = http.get("/metrics").text
            assert 'route="/api/v1/submissions"' in text
            assert "ringwall_store_commit_seconds_count" in text
        back = tmp_path / "back"
        capsys.readouterr()
        assert (
            main(["restore", str(archive), "--to", str(back), "--verify", "--keep-tokens",
                  "--passphrase-file", str(passphrase), "--json"])
            == exit_codes.OK
        )  # fmt: skip
        told = json.loads(capsys.readouterr().out)
        assert (told["keys"], told["verified"]) == (True, True)
        before = count(peer, "ringwall_statements_received_total")
        with node_running(back) as http:
            second_life = state(http, token, "second life")
            until(lambda: count(peer, "ringwall_statements_received_total") > before, "second life")
            until(lambda: delivery(http, token, second_life) == {"received"}, "receipt of the peer")
    numbers = [int(name.partition(":")[2]) for name in (first_life, second_life)]
    assert numbers[1] - numbers[0] > MARGIN // 2  # counted from the last number in the backup
    assert main(["audit", "verify", str(back)]) == exit_codes.OK
    assert main(["audit", "verify", str(bbb)]) == exit_codes.OK
    log = (world.node / "node.log").read_text().splitlines()
    assert log
    assert {json.loads(line)["node"] for line in log} == {"aaa-1"}
    everything = "\n".join(log) + (back / "node.log").read_text()
    for secret in (token, world.canary, "correct horse"):
        assert secret not in everything


def state(http: httpx.Client, token: str, name: str) -> str:
    from tests.exchange.engine_world import indicator

    answer = http.post(
        "/api/v1/submissions?label=TLP:GREEN",
        content=indicator(name=name),
        headers={"authorization": f"Bearer {token}"},
    )
    assert answer.status_code in (200, 201), answer.text
    return str(answer.json()["submitted"][0]["statement"])


def delivery(http: httpx.Client, token: str, statement: str) -> set[str]:
    headers = {"authorization": f"Bearer {token}"}
    answer = http.get(f"/api/v1/statements/{statement}/delivery", headers=headers).json()
    return {member["state"] for member in answer["members"]}


def count(http: httpx.Client, name: str) -> float:
    lines = http.get("/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name}{{"))


def test_a_defect_that_ends_the_node_is_one_line_without_what_somebody_sent(
    world: NodeWorld,
) -> None:
    change_settings(world, log_format="json")
    code = (
        "import sys; from ringwall import node; from ringwall.cli import main\n"
        "async def fail(*given): raise ValueError('CONTENT-CANARY')\n"
        "node.Node.run = fail\n"
        f"sys.exit(main(['up', {str(world.node)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    logged, told = done.stderr.splitlines()
    assert done.returncode == exit_codes.DEFECT
    line = json.loads(logged)
    assert (line["level"], line["message"]) == ("critical", "a defect ended aaa-1")
    assert line["error"].startswith("ValueError at __main__:")
    assert told.startswith("ringwall: ")
    assert "CANARY" not in done.stderr
