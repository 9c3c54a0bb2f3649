"""Commands about what other members stated and this one passes on."""

import argparse

from ringwall.cli.connection import connect
from ringwall.cli.output import print_json, print_table


def send(options: argparse.Namespace) -> None:
    """Pass a statement on, or say what would become of it, with every gate for one member."""
    with connect(options) as client:
        answer = client.pass_on(options.statement, options.to, dry_run=options.dry_run)
    if options.json:
        print_json(answer)
        return
    members = answer["members"]
    print_table(
        ("MEMBER", "OUTCOME", "REASON"), [(m["member"], m["outcome"], m["reason"]) for m in members]
    )
    cut = [(m["member"], each) for m in members for each in m["withheld"]]
    if cut:
        print()
        print_table(
            ("MEMBER", "WITHHELD", "RULE", "FACT"),
            [(member, each["field"], each["rule"], each["fact"]) for member, each in cut],
        )
    if len(members) == 1:
        keys = ("gate", "outcome", "rule", "source", "fact")
        print()
        print_table(
            [key.upper() for key in keys],
            [[gate[key] for key in keys] for gate in members[0]["gates"]],
        )


def listing(options: argparse.Namespace) -> None:
    """Show to whom a statement was passed on from here, and what became of it."""
    with connect(options) as client:
        answer = client.relays(options.statement)
    if options.json:
        print_json(answer)
        return
    keys = ("member", "node", "state", "at", "by", "withheld", "reason")
    print_table(
        [key.upper() for key in keys], [[one[key] for key in keys] for one in answer["relays"]]
    )
