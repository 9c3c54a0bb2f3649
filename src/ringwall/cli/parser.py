"""Every command and flag, as argparse sees them. Building this imports no other room."""

import argparse
from collections.abc import Callable
from typing import Any

from ringwall.cli.exit_codes import exit_code_table

Subparsers = Any  # argparse's own type for this is private

PURPOSE = "collective-defence"
SCOPES = ["read", "submit", "decide", "operate", "audit", "account"]
LEVELS = ["CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"]
ANSWERS = ["granted", "partly", "refused"]
LANES = ["FLASH", "IMMEDIATE", "PRIORITY", "ROUTINE", "BULK"]


def build_parser() -> argparse.ArgumentParser:
    """Return the whole command line; each command names ``module:function`` in ``run``."""
    parser = argparse.ArgumentParser(
        prog="ringwall",
        description="Collective cyber defence: share threat intelligence under the owner's policy.",
        epilog="Exit codes: `ringwall help exit-codes`.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _founding(commands)
    _running(commands)
    _backup(commands)
    _content(commands)
    _policy(commands)
    _sharing(commands)
    _relays(commands)
    _audit_and_access(commands)
    _about(commands)
    return parser


def _command(commands: Subparsers, name: str, run: str, text: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text, allow_abbrev=False
    )
    command.set_defaults(run=run)
    return command


def _noun(commands: Subparsers, name: str, text: str) -> Subparsers:
    noun = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
    return noun.add_subparsers(metavar="VERB", required=True)


def _json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print JSON instead of a table")


def _online(command: argparse.ArgumentParser) -> None:
    """Add where the node is. The token itself is never a flag: flags are visible to everybody."""
    command.add_argument("--url", help="the node's URL (default: $RINGWALL_URL)")
    command.add_argument(
        "--token-file",
        help="file holding the reader's token (default: $RINGWALL_TOKEN_FILE or $RINGWALL_TOKEN)",
    )
    _json(command)


def _up_to(most: int) -> Callable[[str], int]:
    """Return what reads a number from 1 to ``most``."""

    def read(text: str) -> int:
        if not (text.isdecimal() and len(text) < 9 and 1 <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {most}")
        return int(text)

    return read


def _founding(commands: Subparsers) -> None:
    verbs = _noun(commands, "init", "create the keys and files of a holder, a hub or a node")
    holder = _command(verbs, "holder", "founding:init_holder", "create a registry key holder")
    holder.add_argument("directory", metavar="DIR")
    holder.add_argument("--name", required=True, help="the holder's name in the registry")
    hub = _command(verbs, "hub", "founding:init_hub", "create a hub")
    hub.add_argument("directory", metavar="DIR")
    hub.add_argument("--alliance", required=True, metavar="FILE", help="alliance description")
    hub.add_argument("--name", required=True, help="the hub's name, e.g. hub1")
    hub.add_argument("--host", default="127.0.0.1", help="address that nodes reach it at")
    for port in ("leaf", "client", "monitor"):
        hub.add_argument(f"--{port}-port", type=int, default=0, help="0 chooses a free port")
    node = _command(verbs, "node", "founding:init_node", "create a node and its introduction")
    node.add_argument("directory", metavar="DIR")
    node.add_argument("--alliance", required=True, metavar="FILE", help="alliance description")
    node.add_argument("--node", required=True, help="the node's id in the alliance description")
    _registry(commands)
    admit = _command(commands, "admit", "founding:admit_node", "let a node use this hub")
    admit.add_argument("hub_directory", metavar="HUB_DIR")
    admit.add_argument("introduction", metavar="INTRODUCTION")
    admit.add_argument("--output", "-o", required=True, metavar="FILE", help="the admission")
    enrol = _command(commands, "enrol", "founding:enrol_node", "complete a node")
    enrol.add_argument("directory", metavar="DIR")
    registry_help = "repeat for every document, the first one first"
    enrol.add_argument(
        "--registry", required=True, action="append", metavar="FILE", help=registry_help
    )
    enrol.add_argument("--anchor", metavar="DIGEST", help="known SHA-256 of the first registry")
    enrol.add_argument("--admission", required=True, metavar="FILE")
    enrol.add_argument("--http-port", type=int, default=0, help="0 chooses a free port")
    enrol.add_argument("--leaf-port", type=int, default=0, help="0 chooses a free port")


def _registry(commands: Subparsers) -> None:
    verbs = _noun(commands, "registry", "the signed list of members, nodes and keys")
    issue = _command(verbs, "issue", "founding:issue", "issue and sign the next registry")
    issue.add_argument("--alliance", required=True, metavar="FILE")
    issue.add_argument("--introduction", required=True, action="append", metavar="FILE")
    issue.add_argument("--holder", required=True, action="append", metavar="DIR")
    issue.add_argument("--threshold", type=int, help="signatures needed (default: all holders)")
    issue.add_argument("--previous", metavar="FILE", help="the registry that this one follows")
    issue.add_argument("--output", "-o", required=True, metavar="FILE")
    install = _command(
        verbs, "install", "founding:registry_install", "give a node a newer registry"
    )
    install.add_argument("directory", metavar="DIR")
    install.add_argument("file", metavar="FILE")
    install.add_argument(
        "--alliance", metavar="FILE", help="the description that it binds, if that is new too"
    )
    show = _command(verbs, "show", "founding:registry_show", "show a registry without judging it")
    show.add_argument("file", metavar="FILE")
    _json(show)
    verify = _command(verbs, "verify", "founding:registry_verify", "check a registry's signatures")
    verify.add_argument("file", metavar="FILE")
    verify.add_argument("--previous", metavar="FILE", help="the registry that is trusted already")
    verify.add_argument("--anchor", metavar="DIGEST", help="known SHA-256 of the first registry")
    _json(verify)


def _running(commands: Subparsers) -> None:
    up = _command(commands, "up", "running:up", "run the node or hub that lives in DIR")
    up.add_argument("directory", metavar="DIR")
    up.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="override a setting for this run (repeatable)",
    )
    demo = _command(commands, "demo", "running:demo", "found and run the demonstration alliance")
    demo.add_argument("--check", action="store_true", help="play the scenario, verify, stop")
    demo.add_argument("--dir", metavar="DIR", help="where to found it (default: temporary)")
    demo.add_argument("--keep", action="store_true", help="keep the temporary directory")
    demo.add_argument("--port-base", type=int, metavar="PORT", help="first of the ports to use")
    _json(demo)
    doctor = _command(commands, "doctor", "doctor:doctor", "find out what is wrong, and what to do")
    doctor.add_argument("directory", metavar="DIR", nargs="?")
    _json(doctor)


def _backup(commands: Subparsers) -> None:
    """Add backup and restore. A passphrase is never a flag: flags are visible to everybody."""
    backup = _command(
        commands, "backup", "backup:backup", "write a backup of a node, running or not"
    )
    backup.add_argument("directory", metavar="DIR")
    backup.add_argument("--to", required=True, metavar="FILE", help="a new file")
    backup.add_argument(
        "--with-keys", action="store_true", help="also the private keys, under a passphrase"
    )
    restore = _command(commands, "restore", "backup:bring_back", "make a new DIR from a backup")
    restore.add_argument("file", metavar="FILE")
    restore.add_argument("--to", required=True, metavar="DIR", help="a directory without files")
    restore.add_argument(
        "--verify", action="store_true", help="check every proof in the database as well"
    )
    restore.add_argument(
        "--with-keys", action="store_true", help="ask for the passphrase of the keys"
    )
    restore.add_argument("--keep-tokens", action="store_true", help="do not revoke readers' tokens")
    for command in (backup, restore):
        command.add_argument(
            "--passphrase-file", metavar="FILE", help="its first line; else a prompt asks"
        )
        _json(command)
    mark = _command(
        commands,
        "mark-restored",
        "backup:mark_restored",
        "say that DIR was rolled back by other means",
    )
    mark.add_argument("directory", metavar="DIR")


def _content(commands: Subparsers) -> None:
    submit = _command(commands, "submit", "content:submit", "submit a STIX bundle or object")
    submit.add_argument("file", metavar="FILE|-", help="- reads standard input")
    submit.add_argument("--label", default="", help="label of every object that carries none")
    submit.add_argument("--purpose", default=PURPOSE, help=f"default: {PURPOSE}")
    submit.add_argument("--sector", action="append", default=[], help="what it is about")
    submit.add_argument("--embargo", metavar="TIME", help="until then nobody else has it")
    submit.add_argument(
        "--onward-to", action="append", default=[], metavar="NAME", help="who may get it from them"
    )
    submit.add_argument("--hops", type=int, default=0, help="over so many hops at most")
    submit.add_argument("--precedence", default="ROUTINE", choices=LANES, help="default: ROUTINE")
    submit.add_argument("--dry-run", action="store_true", help="say who would get it, store none")
    submit.add_argument(
        "--idempotency-key", dest="key", help="the same key and body again: the same answer"
    )
    _online(submit)
    verbs = _noun(commands, "reference", "reference sets: loaded data, nobody's statement")
    load = _command(verbs, "load", "content:reference_load", "replace a reference set")
    load.add_argument("file", metavar="FILE")
    load.add_argument("--set", required=True, metavar="NAME", dest="name")
    _online(load)
    listing = _command(verbs, "list", "content:reference_list", "list the reference sets")
    _online(listing)
    search = _command(commands, "search", "content:search", "search what this reader may see")
    search.add_argument("text", metavar="TEXT", nargs="?", default="")
    search.add_argument("--value", help="an exact observable, e.g. an address or a hash")
    search.add_argument("--type", help="a STIX type, e.g. indicator")
    search.add_argument("--source", metavar="MEMBER", help="stated by this member")
    search.add_argument("--since", metavar="TIME", help="came after this time (RFC 3339, UTC)")
    search.add_argument("--until", metavar="TIME", help="came by this time")
    search.add_argument("--limit", type=int, default=50, help="the newest so many (default: 50)")
    search.add_argument("--all", action="store_true", help="everything, oldest first")
    _online(search)
    around = _command(
        commands, "neighbourhood", "content:neighbourhood", "the objects around an object"
    )
    around.add_argument("id", metavar="ID", help="an object, e.g. malware--…")
    around.add_argument("--depth", type=int, default=1, help="steps, 1 to 3 (default: 1)")
    around.add_argument("--limit", type=int, default=100, help="objects, up to 500 (default: 100)")
    _online(around)
    show = _command(commands, "show", "content:show", "show a statement or an object")
    show.add_argument("id", metavar="ID", help="statement (arden-1:17) or object (indicator--…)")
    _online(show)
    explain = _command(commands, "explain", "content:explain", "who may see it, and why not others")
    explain.add_argument("id", metavar="ID", help="statement (arden-1:17) or object (indicator--…)")
    explain.add_argument("--to", metavar="MEMBER", help="only this member, every gate")
    _online(explain)
    receipts = _command(commands, "receipts", "content:receipts", "what recipients signed for")
    receipts.add_argument("id", metavar="ID", nargs="?", help="a statement; without it, the nodes")
    _online(receipts)
    delivery = _command(commands, "delivery", "content:delivery", "what has arrived where")
    delivery.add_argument("id", metavar="ID", nargs="?", help="a statement; without it, the peers")
    _online(delivery)


def _policy(commands: Subparsers) -> None:
    verbs = _noun(commands, "policy", "rules, tried without a node")
    test = _command(verbs, "test", "policy:test", "try your own cases on an alliance description")
    test.add_argument("file", metavar="CASES")
    test.add_argument("--alliance", required=True, metavar="FILE", help="alliance description")
    test.add_argument(
        "--agreement", action="append", default=[], metavar="FILE", help="taken as signed by all"
    )
    test.add_argument("--vetoes", metavar="FILE", help="a member's own vetoes, in Cedar")
    test.add_argument("--member", default="", help="whose vetoes they are")
    _json(test)
    spif = _command(verbs, "import-spif", "policy:import_spif", "print SPIF files as YAML")
    spif.add_argument("file", metavar="FILE", nargs="+", help="also of policies that it refers to")
    releasable = "a tag whose values are codes of members (repeatable)"
    spif.add_argument(
        "--releasable", action="append", default=[], metavar="POLICY:TAG", help=releasable
    )
    verbs = _noun(commands, "label", "labels of files, as other nations' tools read them")
    bind = _command(verbs, "bind", "labels:bind", "bind a classification to a file, signed")
    bind.add_argument("directory", metavar="DIR", help="the node that signs")
    bind.add_argument("file", metavar="FILE")
    bind.add_argument("--label", required=True, help="e.g. CLASS ALLIED:SECRET")
    check = _command(verbs, "check", "labels:check", "check the label that is bound to a file")
    check.add_argument("directory", metavar="DIR", help="a node, for its registry and policies")
    check.add_argument("file", metavar="FILE")
    _json(check)
    verbs = _noun(commands, "agreement", "sharing agreements that the parties sign")
    listing = _command(verbs, "list", "agreements:listing", "list this member's agreements")
    _online(listing)
    propose = _command(verbs, "propose", "agreements:propose", "sign one and send it to all")
    propose.add_argument("file", metavar="FILE")
    _online(propose)
    preview = _command(verbs, "preview", "agreements:preview", "what it would open and close")
    preview.add_argument(
        "agreement", metavar="FILE|DIGEST", help="the beginning of a digest is enough"
    )
    preview.add_argument("--withdrawal", action="store_true", help="what withdrawing would close")
    _online(preview)
    sign = _command(verbs, "sign", "agreements:sign", "sign what another party proposed")
    sign.add_argument("agreement", metavar="DIGEST")
    sign.add_argument("--send-past", action="store_true", help="send what it opens of the past")
    _online(sign)
    withdraw = _command(verbs, "withdraw", "agreements:withdraw", "withdraw from one, at once")
    withdraw.add_argument("agreement", metavar="DIGEST")
    _online(withdraw)


def _sharing(commands: Subparsers) -> None:
    catalogue = _noun(commands, "catalogue", "what exists at other members")
    listing = _command(catalogue, "list", "sharing:catalogue_list", "list what they tell of")
    listing.add_argument("--owner", metavar="MEMBER", help="told by this member")
    listing.add_argument("--type", help="a STIX type, e.g. indicator")
    listing.add_argument("--sector", help="e.g. energy")
    listing.add_argument("--since", metavar="TIME", help="told after this time (RFC 3339, UTC)")
    _online(listing)
    verbs = _noun(commands, "request", "requests to other members, and theirs")
    requests = _command(verbs, "list", "sharing:request_list", "list requests, overdue ones first")
    requests.add_argument("--in", action="store_true", dest="incoming", help="what is asked here")
    requests.add_argument("--state", choices=["open", *ANSWERS])
    _online(requests)
    show = _command(verbs, "show", "sharing:request_show", "show a request and its answer")
    show.add_argument("id", metavar="ID")
    _online(show)
    make = _command(verbs, "make", "sharing:request_make", "ask the member that stated it")
    make.add_argument("kind", choices=["access", "downgrade", "release-further"])
    make.add_argument("subject", metavar="ENTRY|STATEMENT", help="an entry for access")
    make.add_argument("--reason", required=True, help="one paragraph, for their officer")
    make.add_argument("--purpose", default=PURPOSE, help=f"default: {PURPOSE}")
    make.add_argument("--label", help="what to downgrade it to")
    make.add_argument("--to", action="append", default=[], metavar="MEMBER", help="repeatable")
    make.add_argument("--by", metavar="TIME", help="an answer is wished for by then (RFC 3339)")
    _online(make)
    answer = _command(verbs, "answer", "sharing:request_answer", "answer as a release officer")
    answer.add_argument("id", metavar="ID")
    answer.add_argument("state", choices=ANSWERS)
    answer.add_argument("--words", required=True, help="one paragraph, for who asks")
    stated = "stated in answer and on its way there (repeatable)"
    answer.add_argument("--statement", action="append", default=[], metavar="ID", help=stated)
    _online(answer)


def _relays(commands: Subparsers) -> None:
    relay = _noun(commands, "relay", "what others stated and this member passes on")
    send = _command(relay, "send", "relays:send", "pass a statement on, as its originator permits")
    send.add_argument("statement", metavar="STATEMENT", help="as listed, e.g. arden-1:12")
    whom = "a member or group (repeatable)"
    send.add_argument("--to", action="append", required=True, metavar="NAME", help=whom)
    send.add_argument("--dry-run", action="store_true", help="only say what would become of it")
    _online(send)
    listing = _command(relay, "list", "relays:listing", "to whom a statement was passed on")
    listing.add_argument("statement", metavar="STATEMENT")
    _online(listing)


def _audit_and_access(commands: Subparsers) -> None:
    verbs = _noun(commands, "audit", "the append-only log of a node")
    verify = _command(verbs, "verify", "audit:verify", "check log, statements and proofs, offline")
    verify.add_argument("directory", metavar="DIR")
    _json(verify)
    show = _command(verbs, "show", "audit:show", "show entries of the log (auditors)")
    show.add_argument("--after", type=int, default=0, help="first index to show (default: 0)")
    show.add_argument("--limit", type=int, default=100, help="default: 100")
    _online(show)
    token = _noun(commands, "token", "tokens of readers")
    create = _command(token, "create", "access:token_create", "create a token; printed once")
    create.add_argument("directory", metavar="DIR")
    create.add_argument("--reader", required=True, action="append", help="repeatable")
    create.add_argument(
        "--days", type=_up_to(3650), default=90, help="days until it expires (default: 90)"
    )
    create.add_argument("--note", default="", help="what it is for")
    create.add_argument(
        "--scope", action="append", default=[], choices=SCOPES, help="repeatable (default: all)"
    )
    create.add_argument("--tlp", choices=LEVELS, help="the highest TLP (default: the reader's own)")
    _json(create)
    tokens = _command(token, "list", "access:token_list", "list the tokens that are good now")
    tokens.add_argument("directory", metavar="DIR")
    tokens.add_argument("--reader", action="append", default=[], help="repeatable (default: all)")
    _json(tokens)
    revoke = _command(token, "revoke", "access:token_revoke", "revoke tokens")
    revoke.add_argument("directory", metavar="DIR")
    revoke.add_argument("token", metavar="ID", nargs="+")
    login = _command(commands, "login-code", "access:login_code", "create a one-time login link")
    login.add_argument("directory", metavar="DIR")
    login.add_argument("--reader", required=True, action="append", help="repeatable")
    login.add_argument(
        "--minutes", type=_up_to(7 * 24 * 60), default=15, help="valid for (default: 15)"
    )
    _json(login)


def _about(commands: Subparsers) -> None:
    completion = _command(commands, "completion", "about:completion", "print a shell completion")
    completion.add_argument("shell", metavar="SHELL", help="bash, zsh, tcsh or fish")
    _command(commands, "version", "about:version", "print the version")
    topic = _command(commands, "help", "about:explain_topic", "help on a topic")
    topic.add_argument("topic", choices=["exit-codes"])
    topic.description = "Topics: exit-codes.\n" + exit_code_table()
    topic.formatter_class = argparse.RawDescriptionHelpFormatter
