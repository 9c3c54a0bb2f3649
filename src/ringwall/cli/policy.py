"""Commands about policy that need no node: an operator's own cases, policy information files."""

import argparse
import sys

from ringwall.cli import exit_codes
from ringwall.cli.files import read_file
from ringwall.cli.output import print_json, print_table
from ringwall.core import InvalidInput


def test(options: argparse.Namespace) -> int:
    """Try cases on an alliance description; CHECK_FAILED if one is decided otherwise."""
    import msgspec

    from ringwall.alliance import load_alliance, read_agreement
    from ringwall.alliance.agreements import agreement_document
    from ringwall.alliance.strict_yaml import read_yaml
    from ringwall.core import SystemClock
    from ringwall.policy import NO_VETOES, Vetoes, read_cases, try_cases

    alliance = load_alliance(read_file(options.alliance, "--alliance"))
    signed = tuple(
        read_agreement(alliance, agreement_document(read_file(each, "--agreement")))
        for each in options.agreement
    )
    whole = msgspec.structs.replace(alliance, agreements=(*alliance.agreements, *signed))
    vetoes = NO_VETOES
    if options.vetoes:
        if options.member not in alliance.members:
            problem = f"--member: whose vetoes? No member is called {options.member!r}"
            raise InvalidInput(problem, field="member", rule="unknown-name")
        vetoes = Vetoes(options.member, _text(options.vetoes))
    cases = read_cases(read_yaml(read_file(options.file, "file"), "cases"))
    results = list(try_cases(cases, whole, SystemClock().now(), vetoes))
    failed = sum(not result.met for result in results)
    if options.json:
        print_json({"ok": not failed, "results": msgspec.to_builtins(results)})
    else:
        rows = [
            ("ok" if each.met else "FAILED", each.case, each.subject, each.expected, each.reason)
            for each in results
        ]
        print_table(("", "CASE", "WHO", "EXPECTED", "DECISION"), rows)
        print(f"{len(results) - failed} of {len(results)} as expected")
    return exit_codes.CHECK_FAILED if failed else exit_codes.OK


def import_spif(options: argparse.Namespace) -> None:
    """Print policy information files as an alliance description holds them, as YAML."""
    import yaml

    from ringwall.alliance.spif import read_spifs, spif_description

    releasable = [tuple(each.split(":", 1)) for each in options.releasable]
    if any(len(each) < 2 for each in releasable):
        raise InvalidInput("--releasable is POLICY:TAG", field="releasable", rule="releasable")
    files = {each: read_file(each, "file") for each in options.file}
    policies = read_spifs(files, releasable=[(each[0], each[1]) for each in releasable])
    described: dict[str, object] = {}
    for policy in policies.values():
        described |= spif_description(policy)
    yaml.safe_dump(
        {"classification_policies": described}, sys.stdout, sort_keys=False, allow_unicode=True
    )


def _text(path: str) -> str:
    try:
        return read_file(path, "--vetoes").decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path}: not UTF-8", field=path, rule="encoding") from error
