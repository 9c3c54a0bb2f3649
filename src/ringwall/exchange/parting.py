"""Parting: the rows that wait to be sealed, by audience, without what each audience does not get.

The decision is taken again, and what is narrower wins. Nodes that get different fields of a
statement are different audiences: what stands in one envelope is the same for all its recipients.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import msgspec

from ringwall.exchange.redacting import Cut, Redactor, Subject, named_ids
from ringwall.labels import Label, label_document, terms_document
from ringwall.policy import Kernel, ReleaseClass
from ringwall.store import OutboxRow, ReadTransaction
from ringwall.trust import Item, redact, statement_item

_NO_CLASS = ReleaseClass("", "", Label(unknown=("damaged",)))
"""Of a property whose class is not there any more: it is for nobody."""
Audience = tuple[str, ...]
"""Nodes, sorted."""


class Part(msgspec.Struct, frozen=True):
    """A row as one audience gets it: without the fields that are withheld from it."""

    row: OutboxRow
    withheld: tuple[str, ...]


class Narrowed(msgspec.Struct, frozen=True):
    """A row of which less leaves than was decided when it was accepted."""

    row: OutboxRow
    audience: Audience
    cuts: dict[str, Cut]

    def reasons(self) -> list[dict[str, Any]]:
        """Return what is recorded of it, node by node."""
        gone = sorted(set(self.row.audience) - set(self.audience))
        said = [_narrower(node, self.cuts.get(node), permit=False) for node in gone]
        stays = [node for node in self.audience if node in self.cuts]
        return said + [_narrower(node, self.cuts[node], permit=True) for node in stays]

    def entry(self) -> dict[str, Any]:
        """Return its entry of the audit log."""
        gone = sorted(set(self.row.audience) - set(self.audience))
        entry: dict[str, Any] = {"statement": str(self.row.statement.id), "nodes": gone}
        without = {node: self.cuts[node].names for node in self.audience if node in self.cuts}
        return entry | ({"withheld": without} if without else {})


def part_rows(
    redactor: Redactor,
    kernel: Kernel,
    tx: ReadTransaction,
    rows: Sequence[OutboxRow],
    classes: Mapping[int, ReleaseClass],
) -> tuple[dict[Audience, list[Part]], list[Narrowed]]:
    """Group rows by audience under today's decision; list those that got a narrower one."""
    groups: dict[Audience, list[Part]] = {}
    narrowed: list[Narrowed] = []
    named = [named_ids(row.statement.object_id, row.statement.body) for row in rows]
    reach = redactor.reach(tx, chain.from_iterable(named))
    by = {row.statement.submitted_by for row in rows}
    knowers = {name: redactor.knowers(reach, redactor.submitter(tx, name)) for name in by}
    for row, names in zip(rows, named, strict=True):
        now = kernel.audience(classes[row.statement.release_class], nodes=redactor.nodes)
        audience = tuple(node for node in row.audience if node in now)
        mine = knowers[row.statement.submitted_by]
        cuts = redactor.cuts(_subject(row, audience, classes, names), mine)
        audience = tuple(node for node in audience if not _is_closed(cuts, node))
        if audience != row.audience or _withholds_more(row, audience, cuts):
            narrowed.append(Narrowed(row, audience, cuts))
        parts: dict[tuple[str, ...], list[str]] = {}
        for node in audience:
            parts.setdefault(cuts[node].names if node in cuts else (), []).append(node)
        for withheld, nodes in parts.items():
            groups.setdefault(tuple(nodes), []).append(Part(row, withheld))
    return groups, narrowed


def sealed_item(part: Part, classes: Mapping[int, ReleaseClass]) -> Item:
    """Make the envelope's item of a pending statement; the salts of its leaf are fresh.

    Of a redaction the seed stays here: with it every withheld value could be guessed.
    """
    statement = part.row.statement
    body, disclosure = statement.body, b""
    if part.withheld:
        body, disclosure = redact(body, statement.seed, part.withheld)
    return statement_item(
        origin=statement.id.origin,
        sequence=statement.id.sequence,
        body=body,
        seed=b"" if disclosure else statement.seed,
        disclosure=disclosure,
        label=label_document(statement.label),
        purpose=statement.purpose,
        onward=terms_document(classes[statement.release_class].terms),
    )


def _subject(
    row: OutboxRow,
    audience: Audience,
    classes: Mapping[int, ReleaseClass],
    named: frozenset[str],
) -> Subject:
    statement = row.statement
    return Subject(
        statement.object_id,
        statement.object_type,
        statement.body,
        {name: classes.get(number, _NO_CLASS) for name, number in row.parts.items()},
        audience,
        named,
        row.withheld,
    )


def _is_closed(cuts: Mapping[str, Cut], node: str) -> bool:
    return node in cuts and bool(cuts[node].closed)


def _withholds_more(row: OutboxRow, audience: Sequence[str], cuts: Mapping[str, Cut]) -> bool:
    """Tell whether a node that stays gets fewer fields than was decided before."""
    return any(
        set(cuts[node].names) - set(row.withheld.get(node, ())) for node in audience if node in cuts
    )


def _narrower(node: str, cut: Cut | None, *, permit: bool) -> dict[str, Any]:
    """Say why a node gets less than was decided before."""
    if cut is None or not (permit or cut.closed):
        return {"node": node, "permit": False, "reason": "closed before it left"}
    clauses = ", ".join(reason.clause() for reason in cut.fields)
    return {
        "node": node,
        "permit": permit,
        "reason": f"without {clauses}" if permit else cut.closed,
        "withheld": [msgspec.to_builtins(reason) for reason in cut.fields],
    }
