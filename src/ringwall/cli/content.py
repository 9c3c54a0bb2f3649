"""Commands about content: they ask a node through the client and print what it answers."""

import argparse
import sys
from collections import Counter
from typing import Any

from ringwall.cli import exit_codes
from ringwall.cli.connection import connect
from ringwall.cli.files import read_file
from ringwall.cli.output import print_json, print_table, progress
from ringwall.core import InvalidInput

Document = dict[str, Any]


def submit(options: argparse.Namespace) -> int:
    """Submit a file; exit code REFUSED if any object of it was refused."""
    raw = _read(options.file)
    with connect(options) as client:
        answer = client.submit(
            raw,
            label=options.label,
            purpose=options.purpose,
            sectors=options.sector,
            embargo=options.embargo,
            onward_to=options.onward_to,
            hops=options.hops,
            precedence=options.precedence,
            dry_run=options.dry_run,
            key=options.key,
        )
    if options.json:
        print_json(answer)
    elif answer["submitted"]:
        _print_submitted(answer["submitted"])
    for each in answer["submitted"]:
        for warning in each["warnings"]:
            progress(f"{each['object']}: {warning}")
    if options.embargo and any(r["permit"] for r in _recipients(answer["submitted"])):
        progress(f"the embargo was over at {options.embargo}: nothing is kept back")
    for refusal in answer["refused"]:
        progress(_refused(refusal))
    return exit_codes.REFUSED if answer["refused"] else exit_codes.OK


def reference_load(options: argparse.Namespace) -> int:
    """Replace a reference set; exit code REFUSED if any object was refused."""
    with connect(options) as client:
        answer = client.load_reference(options.name, _read(options.file))
    if options.json:
        print_json(answer)
    else:
        print_table(
            ("SET", "OBJECTS", "REFUSED"),
            [(answer["set"], answer["objects"], len(answer["refused"]))],
        )
    return exit_codes.REFUSED if answer["refused"] else exit_codes.OK


def reference_list(options: argparse.Namespace) -> None:
    """List the reference sets of the node."""
    with connect(options) as client:
        answer = client.references()
    if options.json:
        print_json(answer)
    else:
        print_table(("SET", "OBJECTS"), sorted(answer["sets"].items()))


def search(options: argparse.Namespace) -> None:
    """Search by words or by an exact observable: the newest, or with --all whatever there is."""
    if not (options.text or options.value):
        raise InvalidInput("give TEXT or --value", field="text", rule="one-of")
    asked = {
        "text": options.text,
        "value": options.value,
        "type": options.type,
        "source": options.source,
        "received_after": options.since,
        "received_until": options.until,
    }
    with connect(options) as client:
        if options.all:
            found = list(client.every_statement(**asked))
        else:
            found = client.statements(**asked, limit=options.limit)["statements"]
    _print_statements(found, options)


def neighbourhood(options: argparse.Namespace) -> None:
    """Show the objects around one object, nearest first."""
    with connect(options) as client:
        answer = client.neighbourhood(options.id, depth=options.depth, limit=options.limit)
    if options.json:
        print_json(answer)
        return
    keys = ("object_id", "type", "title", "label", "sources")
    rows = [[one["distance"], *(one["object"][key] for key in keys)] for one in answer["objects"]]
    print_table(("STEPS", "OBJECT", "TYPE", "TITLE", "LABEL", "SOURCES"), rows)
    if answer["more"]:
        progress(f"cut at {len(rows)} objects: there are more")


def receipts(options: argparse.Namespace) -> None:
    """Show what the recipients of a statement signed for it; without one, every node's last."""
    with connect(options) as client:
        answer = client.receipt(options.id) if options.id else client.receipts()
    if options.json:
        print_json(answer)
        return
    what = ("state", "position") if options.id else ("lane", "sent", "rejected")
    keys = ("node", *what, "confirmed", "at", "evidence")
    rows = [[one[key] for key in keys] for one in answer["receipts"]]
    print_table([key.upper() for key in keys], rows)


def show(options: argparse.Namespace) -> None:
    """Show one statement with its provenance, or every visible statement about one object."""
    with connect(options) as client:
        if "--" in options.id:
            _print_statements(client.statements_of(options.id)["statements"], options)
            return
        answer = client.statement(options.id)
    if options.json:
        print_json(answer)
    else:
        _print_statement(answer)


def explain(options: argparse.Namespace) -> None:
    """Say who may see a statement, or every statement about an object, and why not the others."""
    with connect(options) as client:
        names = [options.id]
        if "--" in options.id:
            found = client.statements_of(options.id)["statements"]
            names = [each["statement"] for each in found]
        answers = {name: client.explanation(name, to=options.to or "") for name in names}
    if options.json:
        print_json(answers if "--" in options.id else answers[options.id])
        return
    for name, answer in answers.items():
        _print_explanation(name, answer, every_gate=bool(options.to))


def _print_explanation(name: str, answer: Document, *, every_gate: bool) -> None:
    print(f"{name}  {answer['label']}  {answer['object_type']}  for {answer['purpose']}")
    rows = [(m["member"], _verdict(m["permit"]), m["reason"]) for m in answer["members"]]
    print_table(("MEMBER", "", "REASON"), rows)
    cut = [(m["member"], each) for m in answer["members"] for each in m["withheld"]]
    if cut:
        print()
        keys = ("field", "rule", "source", "fact")
        print_table(
            ("MEMBER", "WITHHELD", "RULE", "SOURCE", "FACT"),
            [[member, *(each[key] for key in keys)] for member, each in cut],
        )
    if every_gate:
        gates = [g for member in answer["members"] for g in member["gates"]]
        print()
        print_table(
            ("GATE", "OUTCOME", "RULE", "SOURCE", "FACT"),
            [[g[key] for key in ("gate", "outcome", "rule", "source", "fact")] for g in gates],
        )
        duties = [duty for member in answer["members"] for duty in member["duties"]]
        if duties:
            print(f"\nthe recipient has to heed: {', '.join(duties)}")


def delivery(options: argparse.Namespace) -> None:
    """Show how far a statement got; without one, how far every peer is."""
    with connect(options) as client:
        answer = client.delivery(options.id) if options.id else client.peers()
    if options.json:
        print_json(answer)
    elif options.id:
        rows = [(m["member"], m["state"], m["at"], m["reason"]) for m in answer["members"]]
        print_table(("MEMBER", "STATE", "AT", "REASON"), rows)
    else:
        keys = ("lane", "sent", "receipted", "backlog", "last_receipt_at")
        heads = ("NODE", "LANE", "SENT", "CONFIRMED", "BACKLOG", "LAST RECEIPT")
        lanes = [(peer["node"], lane) for peer in answer["peers"] for lane in peer["lanes"]]
        print_table(heads, [[node, *(lane[key] for key in keys)] for node, lane in lanes])


def _read(file: str) -> bytes:
    """Read a file or standard input. Raises InvalidInput (rule ``unreadable``)."""
    if file == "-":
        return sys.stdin.buffer.read()
    return read_file(file, "file")


def _print_submitted(submitted: list[Document]) -> None:
    """Say who gets what, why the others do not, and which fields are left out."""
    heads = ("STATEMENT", "OBJECT", "LABEL", "TO", "WITHHELD FROM")
    print_table(heads, map(_submitted, submitted))
    closed, cut = Counter[tuple[str, str]](), Counter[tuple[str, str, str]]()
    for each in _recipients(submitted):
        if not each["permit"]:
            closed[each["member"], each["reason"]] += 1
        for field in each["withheld"] if each["permit"] else ():
            cut[each["member"], field["field"], field["fact"]] += 1
    if closed:
        print()
        rows = [(member, count, why) for (member, why), count in closed.items()]
        print_table(("MEMBER", "OBJECTS", "WHY NOT"), rows)
    if cut:
        print()
        fields = [(member, count, field, why) for (member, field, why), count in cut.items()]
        print_table(("MEMBER", "OBJECTS", "WITHOUT", "WHY"), fields)


def _recipients(submitted: list[Document]) -> list[Document]:
    return [recipient for each in submitted for recipient in each["recipients"]]


def _refused(refusal: Document) -> str:
    """Name object and field once each, whether or not the message does."""
    where = refusal["object_id"] or f"object {refusal['index']}"
    missing = [name for name in (where, refusal["field"]) if name not in refusal["message"]]
    return f"refused {': '.join([*missing, refusal['message']])} [{refusal['rule']}]"


def _submitted(item: Document) -> tuple[object, ...]:
    to = [
        f"{r['member']} (waits: {r['waits']})" if r["waits"] else r["member"]
        for r in item["recipients"]
        if r["permit"]
    ]
    withheld = [r["member"] for r in item["recipients"] if not r["permit"]]
    return item["statement"] or "(dry run)", item["object"], item["label"], to, withheld


def _print_statements(statements: list[Document], options: argparse.Namespace) -> None:
    if options.json:
        print_json({"statements": statements})
        return
    keys = ("statement", "label", "type", "title", "version", "received_at")
    heads = ("STATEMENT", "LABEL", "TYPE", "TITLE", "VERSION", "RECEIVED")
    print_table(heads, [[item[key] for key in keys] for item in statements])


def _print_statement(answer: Document) -> None:
    provenance = answer["provenance"]
    keys = ("statement", "label", "type", "title", "object_id", "version", "source", "purpose")
    rows = [(key, answer[key]) for key in (*keys, "precedence", "received_at")]
    rows += [
        ("digest", provenance["digest"]),
        ("signed by", (provenance["proof"] or {}).get("key_id")),
        ("verified", "yes" if provenance["verified"] else "no"),
    ]
    print_table(("FIELD", "VALUE"), rows)


def _verdict(permit: bool) -> str:
    return "may see it" if permit else "withheld"
