"""Commands about agreements, for policy officers: they ask the node and print what it answers."""

import argparse
import re
from pathlib import Path
from typing import Any

from ringwall.cli.connection import connect
from ringwall.cli.files import read_file
from ringwall.cli.output import print_json, print_table
from ringwall.core import InvalidInput

Document = dict[str, Any]


def listing(options: argparse.Namespace) -> None:
    """List the agreements that this member has signed or is asked to sign."""
    with connect(options) as client:
        answer = client.agreements()
    if options.json:
        print_json(answer)
        return
    print_table(
        ("DIGEST", "ID", "VERSION", "STATE", "PARTIES", "NOT SIGNED BY", "UNTIL"),
        [
            (
                each["digest"][:12],
                each["id"],
                each["version"],
                each["state"],
                ", ".join(each["parties"]),
                ", ".join(each["missing"]),
                each["valid_until"],
            )
            for each in answer["agreements"]
        ],
    )


def propose(options: argparse.Namespace) -> None:
    """Sign an agreement and send it to its parties."""
    raw = read_file(options.file, "file")
    with connect(options) as client:
        _print_state(client.propose_agreement(raw), options)


def preview(options: argparse.Namespace) -> None:
    """Say what an agreement would open and close; of a file, or of one that was proposed."""
    path = Path(options.agreement)
    if not path.is_file() and not re.fullmatch("[0-9a-fA-F]{1,64}", options.agreement):
        problem = f"{options.agreement} is neither a file nor the beginning of a digest"
        raise InvalidInput(problem, field="agreement", rule="unreadable")
    with connect(options) as client:
        if path.is_file():
            answer = client.preview_agreement(read_file(path, "agreement"))
        elif options.withdrawal:
            answer = client.preview_withdrawal(_digest(client, options.agreement))
        else:
            answer = client.preview_signature(_digest(client, options.agreement))
    if options.json:
        print_json(answer)
    elif not answer["members"]:
        print("nothing that was stated here would open or close")
    else:
        keys = ("member", "opens", "closes")
        rows = [[each[key] for key in keys] for each in answer["members"]]
        print_table(("MEMBER", "STATEMENTS OPENED", "CLOSED"), rows)


def sign(options: argparse.Namespace) -> None:
    """Sign what another party proposed."""
    with connect(options) as client:
        digest = _digest(client, options.agreement)
        _print_state(client.sign_agreement(digest, send_past=options.send_past), options)


def withdraw(options: argparse.Namespace) -> None:
    """Withdraw from an agreement."""
    with connect(options) as client:
        _print_state(client.withdraw_agreement(_digest(client, options.agreement)), options)


def _digest(client: Any, text: str) -> str:
    """Return the digest that begins with ``text``, or ``text`` itself if that is not clear."""
    found = [
        each["digest"]
        for each in client.agreements()["agreements"]
        if each["digest"].startswith(text.lower())
    ]
    return found[0] if len(found) == 1 else text


def _print_state(state: Document, options: argparse.Namespace) -> None:
    if options.json:
        print_json(state)
        return
    print(f"{state['id']} version {state['version']}: {state['state']}  {state['digest']}")
    if state["missing"]:
        print(f"not signed by {', '.join(state['missing'])}")
