"""The demonstration alliance as real processes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ringwall.cli import main
from ringwall.core import BadConfiguration, Forbidden, Unavailable
from ringwall.demo import AllianceProcesses, Arrivals, Watch, found, load_expectations
from ringwall.demo.environment import environment
from ringwall.demo.founding import free_range, login_links


@pytest.fixture(scope="module")
def alliance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AllianceProcesses]:
    processes = AllianceProcesses.found(tmp_path_factory.mktemp("alliance") / "demo")
    with processes:
        yield processes


def indicator(number: int) -> bytes:
    when = "2026-03-02T06:41:00.000Z"
    return json.dumps(
        {
            "type": "indicator",
            "spec_version": "2.1",
            "id": f"indicator--00000000-0000-4000-8000-{number:012d}",
            "created": when,
            "modified": when,
            "pattern": f"[domain-name:value = 'host-{number}.example.net']",
            "pattern_type": "stix",
            "valid_from": when,
        }
    ).encode()


def arrived(alliance: AllianceProcesses, member: str, statement: str, seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    with alliance.client(member) as client:
        while time.monotonic() < deadline:
            held = {row["statement"] for row in client.statements(limit=1000)["statements"]}
            if statement in held:
                return True
            time.sleep(0.05)
    return False


def submit(alliance: AllianceProcesses, member: str, number: int) -> str:
    with alliance.client(member) as client:
        answer = client.submit(indicator(number), label="TLP:GREEN", precedence="FLASH")
    return str(answer["submitted"][0]["statement"])


def test_a_killed_node_comes_back_in_place_and_misses_nothing(alliance: AllianceProcesses) -> None:
    before = alliance.url("arden-1")
    alliance.kill("arden-1")
    assert not alliance.is_running("arden-1")
    statement = submit(alliance, "borduria", 1)
    assert arrived(alliance, "caledon", statement)
    alliance.restart("arden-1")
    assert alliance.url("arden-1") == before
    assert arrived(alliance, "arden", statement)


def test_a_killed_hub_comes_back_and_delivers_what_was_submitted_meanwhile(
    alliance: AllianceProcesses,
) -> None:
    alliance.kill("hub1")
    statement = submit(alliance, "caledon", 2)
    alliance.restart("hub1")
    assert arrived(alliance, "borduria", statement)


def test_a_watch_reads_what_arrives_and_only_what_others_stated(
    alliance: AllianceProcesses,
) -> None:
    arrivals = Arrivals()
    client = alliance.client("dorne", "watch")
    watch = Watch("dorne", "dorne-1", client, arrivals)
    watch.start()
    own, other = submit(alliance, "dorne", 3), submit(alliance, "arden", 4)
    arrivals.wait_for([("dorne", other)], 15)
    watch.stop()
    assert arrivals.has("dorne", other)
    assert not arrivals.has("dorne", own)


def test_login_links_are_made_while_the_nodes_run(alliance: AllianceProcesses) -> None:
    links = login_links(alliance.founded)
    assert links.keys() == alliance.founded.nodes.keys()
    for member, link in links.items():
        assert link.startswith(alliance.url(member) + "/login?code=")


def test_what_was_founded_is_taken_and_anything_else_left_alone(
    alliance: AllianceProcesses, tmp_path: Path
) -> None:
    again = found(alliance.founded.directory)
    assert again.token("arden-analyst") == alliance.founded.token("arden-analyst")
    (tmp_path / "somebody's").touch()
    with pytest.raises(BadConfiguration, match="not empty"):
        found(tmp_path)


def test_who_fails_to_start_is_named_with_the_end_of_the_log(
    alliance: AllianceProcesses, tmp_path: Path
) -> None:
    broken = AllianceProcesses(found(tmp_path / "demo", port_base=free_range(13)))
    settings = tmp_path / "demo" / "caledon-1" / "ringwall.toml"
    settings.write_text(settings.read_text() + "nonsense = 1\n")
    broken.spawn("caledon-1")
    with pytest.raises(Unavailable, match="nonsense"):
        alliance_without_settings(broken)
    broken.stop()


def alliance_without_settings(broken: AllianceProcesses) -> None:
    """Wait for a node whose settings we must read as they were before they were broken."""
    path = broken.founded.directory_of("caledon-1") / "ringwall.toml"
    while broken.is_running("caledon-1"):
        time.sleep(0.02)
    path.write_text(path.read_text().replace("nonsense = 1\n", ""))
    broken.wait_ready("caledon-1")


def test_the_whole_demonstration_is_as_a_hand_wrote_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ringwall", "demo", "--check", "--json", "--dir", tmp_path / "d"],
        capture_output=True,
        env=environment(),
        text=True,
        timeout=180,
    )
    assert done.stdout.count("\n") == 1, done.stderr
    report = json.loads(done.stdout)
    expected = load_expectations()
    assert report.get("failures", []) == []
    assert (done.returncode, report["ok"], report["members"]) == (0, True, 5)
    assert report["submitted"] == sum(len(step.objects) for step in expected.steps.values())
    assert (report["delivered"], report["withheld"]) == (expected.delivered, expected.withheld)
    assert 0 < report["latency_ms"]["p50"] <= report["latency_ms"]["p99"]


def test_a_demonstration_that_is_stopped_leaves_no_process(tmp_path: Path) -> None:
    directory = tmp_path / "demo"
    process = subprocess.Popen(
        [sys.executable, "-m", "ringwall", "demo", "--dir", directory],
        stderr=subprocess.PIPE,
        env=environment(),
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "/login?code=" in line:
            break
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert not processes_about(directory)


def processes_about(directory: Path) -> list[str]:
    """Return the command lines of processes that name a directory (Linux)."""
    found_lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if str(directory) in line and path.parent.name != str(os.getpid()):
            found_lines.append(line)
    return found_lines


def test_the_commands_about_content_speak_to_a_running_node(
    alliance: AllianceProcesses,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    def ask(*arguments: str, code: int = 0) -> Any:
        assert main([*arguments, "--json"]) == code, capsys.readouterr().err
        return json.loads(capsys.readouterr().out or "null")

    tokens = alliance.founded.directory / "tokens"
    monkeypatch.setenv("RINGWALL_URL", alliance.url("arden-1"))
    monkeypatch.setenv("RINGWALL_TOKEN_FILE", str(tokens / "arden-analyst"))
    file = tmp_path / "indicator.json"
    file.write_bytes(indicator(9))
    submit_it = ("submit", str(file), "--label", "TLP:AMBER//REL TO allies")
    assert ask(*submit_it, "--dry-run")["submitted"][0]["statement"] == ""
    statement = ask(*submit_it)["submitted"][0]["statement"]
    assert ask("submit", str(file), code=3)["refused"][0]["rule"] == "unlabelled"
    found_by = ask("search", "--value", "host-9.example.net")["statements"]
    assert [row["statement"] for row in found_by] == [statement]
    assert ask("show", statement)["provenance"]["origin"] == "arden-1"
    assert ask("show", "indicator--00000000-0000-4000-8000-000000000009")["statements"]
    told = ask("explain", statement, "--to", "dorne")["members"]
    assert [(m["member"], m["permit"]) for m in told] == [("dorne", False)]
    states = {m["member"]: m["state"] for m in ask("delivery", statement)["members"]}
    assert states["dorne"] == "withheld"
    assert ask("delivery")["node"] == "arden-1"
    assert ask("reference", "load", str(file), "--set", "test")["objects"] == 1
    assert ask("reference", "list")["sets"] == {"test": 1}
    for arguments in (submit_it, ("show", statement), ("explain", statement, "--to", "dorne"),
                      ("delivery", statement), ("delivery",), ("search", "host-9")):  # fmt: skip
        assert main([*arguments]) == 0
        assert len(capsys.readouterr().out.splitlines()) > 1
    assert main(["show", "arden-1:99999"]) == 4
    assert main(["audit", "show"]) == 5
    monkeypatch.setenv("RINGWALL_TOKEN_FILE", str(tokens / "arden-auditor"))
    assert ask("audit", "show", "--limit", "3")["entries"][0]["index"] == 0
    checks = ask("doctor", str(alliance.founded.directory_of("arden-1")))["checks"]
    named = {check["check"]: check for check in checks if check["state"] != "ok"}
    assert named.keys() <= {"backup", "memory", "peers"}, named  # nobody made a backup


AGREEMENT = """
agreement: {alliance: first-light, id: dorne-elbe-power, version: 1}
title: Warnings between Dorne and Elbe Power
parties: [dorne, elbe-power]
purposes: [collective-defence]
object_types: [indicator]
highest_tlp: GREEN
valid_from: "2020-01-01"
valid_until: "2040-01-01"
clause: section 2
"""


def test_two_members_agree_between_themselves_and_what_they_share_arrives(
    alliance: AllianceProcesses,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As their policy officers do it: propose, preview, sign with what was stated before."""

    def officer(member: str, *words: str) -> Any:
        monkeypatch.setenv("RINGWALL_URL", alliance.url(member))
        monkeypatch.setenv("RINGWALL_TOKEN", alliance.founded.token(f"{member}-policy"))
        assert main(["agreement", *words, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    def state(member: str) -> list[str]:
        return [each["state"] for each in officer(member, "list")["agreements"]]

    def reaches(member: str, wanted: list[str]) -> bool:
        deadline = time.monotonic() + 20
        while state(member) != wanted and time.monotonic() < deadline:
            time.sleep(0.1)
        return state(member) == wanted

    file = tmp_path / "agreement.yaml"
    file.write_text(AGREEMENT)
    past = submit(alliance, "dorne", 41)
    opened = officer("dorne", "preview", str(file))["members"]
    assert [each["member"] for each in opened] == ["elbe-power"]
    assert opened[0]["opens"] >= 1
    digest = officer("dorne", "propose", str(file))["digest"]
    assert reaches("elbe-power", ["proposed"])
    assert officer("elbe-power", "preview", digest[:10])["members"] == []
    officer("dorne", "sign", digest, "--send-past")
    assert officer("elbe-power", "sign", digest)["state"] == "in-force"
    assert reaches("dorne", ["in-force"])
    assert arrived(alliance, "elbe-power", past, seconds=30)
    assert arrived(alliance, "elbe-power", submit(alliance, "dorne", 42))
    assert officer("elbe-power", "withdraw", digest)["state"] == "withdrawn"
    assert not arrived(alliance, "elbe-power", past, seconds=1)
    assert reaches("dorne", ["withdrawn"])
    with alliance.client("dorne") as client:
        closed = client.explanation(submit(alliance, "dorne", 43), to="elbe-power")["members"][0]
    assert (closed["permit"], "no agreement joins" in closed["reason"]) == (False, True)


def test_whoever_signs_is_a_policy_officer(alliance: AllianceProcesses, tmp_path: Path) -> None:
    with alliance.client("dorne") as analyst, pytest.raises(Forbidden):
        analyst.propose_agreement(AGREEMENT.encode())
