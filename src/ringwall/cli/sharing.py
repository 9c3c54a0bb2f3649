"""Commands about what members ask of each other: the catalogue, requests and answers."""

import argparse
from typing import Any

from ringwall.cli.connection import connect
from ringwall.cli.output import print_json, print_table

Document = dict[str, Any]


def catalogue_list(options: argparse.Namespace) -> None:
    """List what exists at other members, as far as they tell this reader."""
    with connect(options) as client:
        found = list(
            client.catalogue(
                owner=options.owner,
                type=options.type,
                sector=options.sector,
                since=options.since,
            )
        )
    if options.json:
        print_json({"entries": found})
        return
    keys = ("id", "owner", "type", "sectors", "time", "label", "purpose", "amount")
    print_table([key.upper() for key in keys], [[one[key] for key in keys] for one in found])


def request_list(options: argparse.Namespace) -> None:
    """List requests of this member, or with --in those of others; overdue ones first."""
    direction = "in" if options.incoming else "out"
    with connect(options) as client:
        answer = client.requests(direction=direction, state=options.state)
    if options.json:
        print_json(answer)
        return
    rows = [
        (
            each["id"],
            each["member"],
            each["kind"],
            each["subject"],
            "overdue" if each["overdue"] else each["state"],
            each["by"],
        )
        for each in answer["requests"]
    ]
    print_table(("ID", "MEMBER", "KIND", "SUBJECT", "STATE", "ANSWER UNTIL"), rows)


def request_show(options: argparse.Namespace) -> None:
    """Show one request and its answer."""
    with connect(options) as client:
        _print_request(client.request(options.id), options)


def request_make(options: argparse.Namespace) -> None:
    """Ask the member that stated something."""
    with connect(options) as client:
        made = client.make_request(
            options.kind,
            options.subject,
            reason=options.reason,
            purpose=options.purpose,
            label=options.label,
            members=options.to,
            by=options.by,
        )
    _print_request(made, options)


def request_answer(options: argparse.Namespace) -> None:
    """Answer another member's request."""
    with connect(options) as client:
        given = client.answer_request(
            options.id, options.state, words=options.words, statements=options.statement
        )
    _print_request(given, options)


def _print_request(request: Document, options: argparse.Namespace) -> None:
    if options.json:
        print_json(request)
        return
    entry, answer = request["entry"] or {}, request["answer"] or {}
    rows = [(_head(name), request[name]) for name in _PLAIN if request[name]]
    rows += [(f"ENTRY {name.upper()}", value) for name, value in entry.items() if value]
    rows += [(f"ANSWER {name.upper()}", value) for name, value in answer.items() if value]
    print_table(("FIELD", "VALUE"), rows)


def _head(name: str) -> str:
    return "ANSWER UNTIL" if name == "by" else name.upper().replace("_", " ")


_PLAIN = (
    "id",
    "direction",
    "member",
    "kind",
    "subject",
    "purpose",
    "reason",
    "label",
    "members",
    "by",
    "overdue",
    "state",
    "asked_at",
    "asked_by",
)
