"""Faults of bulk intake, of a reader's own order and of the edge."""

from sabotage.fault import Fault

_PLACES = "tests/store/test_places.py"
_BATCHES = "tests/store/test_batches.py"
_SLICES = "tests/exchange/test_engine_slices.py"
_CADDY = "tests/edge/test_caddy.py"
_OUTGOING = "tests/edge/test_outgoing.py"

INTAKE = (
    Fault(
        name="opened-late-skipped",
        file="src/ringwall/store/places.py",
        find="if 0 < first_order(one) <= state.seen}",
        replace="if first_order(one) < 0}",
        test=f"{_PLACES}::test_what_opens_behind_a_reader_comes_again_after_what_it_had",
        why="what an agreement opens on Tuesday among Monday's statements is never delivered",
    ),
    Fault(
        name="recent-keys-not-read",
        file="src/ringwall/store/sqlite/selecting.py",
        find='    "UNION ALL SELECT statement FROM observables_recent WHERE key = ?1)"\n',
        replace='    "UNION ALL SELECT statement FROM observables WHERE key = ?1 AND 0)"\n',
        test=f"{_BATCHES}::test_values_that_share_a_key_are_told_apart",
        why="the newest indicators, which matter most, are not found by their value",
    ),
    Fault(
        name="contested-not-noted",
        file="src/ringwall/store/sqlite/content_writes.py",
        find="                    new.object_id in contested,\n",
        replace="                    False,\n",
        test=f"{_BATCHES}::test_a_second_statement_about_an_object_marks_both[sqlite]",
        why="a page shows an old version of an object as the last one",
    ),
    Fault(
        name="lost-slice-not-told",
        file="src/ringwall/exchange/intake.py",
        find="            outcome.failed(groups, error)\n            return",
        replace="            return",
        test=f"{_SLICES}::test_what_could_not_be_stored_is_refused_truthfully_and_can_be_sent_again",
        why="the disk fills up in the middle of a feed, and the sender takes all of it for stored",
    ),
    Fault(
        name="interrupted-leaves",
        file="src/ringwall/node.py",
        find="        self.intake.settle()\n",
        replace="",
        test="tests/test_node.py"
        "::test_a_submission_that_was_interrupted_is_ended_before_anything_leaves",
        why="after a crash in the middle of a feed, ids of what was to be held back leave",
    ),
    Fault(
        name="withdrawn-still-shown",
        file="src/ringwall/store/sqlite/content_writes.py",
        find="                closed = ReleaseClass(row[0], row[1], WITHDRAWN, row[2])",
        replace="                closed = ReleaseClass(row[0], row[1], Label(), row[2])",
        test=f"{_BATCHES}::test_what_is_withdrawn_is_gone_from_every_read_and_the_rest_agrees[sqlite]",
        why="what was deleted is filed under a label that does not deny",
    ),
    Fault(
        name="key-for-any-request",
        file="src/ringwall/server/idempotency.py",
        find="    if kept.fingerprint != fingerprint:",
        replace="    if False:",
        test="tests/server/test_idempotency.py::test_another_request_under_the_same_key_is_refused",
        why="a second report under a used key is answered as if it were stored",
    ),
)

EDGE = (
    Fault(
        name="forged-identity-kept",
        file="src/ringwall/edge/configuration.py",
        find='{"delete": _FROM_OTHERS}',
        replace='{"delete": ["Via"]}',
        test=f"{_CADDY}::test_a_forged_identity_is_removed_where_there_is_no_certificate",
        why="anybody names a certificate that he does not have",
    ),
    Fault(
        name="classical-curve-allowed",
        file="src/ringwall/edge/configuration.py",
        find='"curves": [POST_QUANTUM, *([CLASSICAL] if settings.classical else [])],',
        replace='"curves": [POST_QUANTUM, CLASSICAL],',
        test=f"{_CADDY}::test_another_key_exchange_is_refused_with_or_without_sni",
        why="what is recorded today is opened by a quantum computer",
    ),
    Fault(
        name="first-address-only",
        file="src/ringwall/edge/outgoing.py",
        find="        for address in addresses:\n",
        replace="        for address in addresses[:1]:\n",
        test=f"{_OUTGOING}::test_one_address_inside_spoils_all_of_a_host",
        why="a listed name leads a feed into the node's own network",
    ),
    Fault(
        name="no-rate",
        file="src/ringwall/server/limits.py",
        find="        self._keep(account, left - 1.0, now)",
        replace="        self._keep(account, left, now)",
        test="tests/server/test_limits.py::test_a_bucket_gives_a_burst_and_then_its_rate",
        why="one reader's broken tool takes the node from all others",
    ),
    Fault(
        name="alike-but-for-tags",
        file="src/ringwall/labels/markings.py",
        find="    return obj.marking_refs, False, _tags_of(body)\n",
        replace='    return obj.marking_refs, False, b""\n',
        test="tests/labels/test_markings.py::test_objects_with_equal_marks_carry_one_label",
        why="an object tagged tlp:red leaves under the label of the one before it",
    ),
    Fault(
        name="dead-reader-loses-its-slice",
        file="src/ringwall/reading/process.py",
        find="        return future.result(PATIENCE_SECONDS) or here()",
        replace="        return future.result(PATIENCE_SECONDS) or ReadSlice([], [], [], [])",
        test="tests/reading/test_process.py::test_a_killed_process_costs_nobody_an_object",
        why="256 objects of a feed are neither stored nor refused",
    ),
    Fault(
        name="status-for-itself",
        file="src/ringwall/exchange/intake.py",
        find="if conclude is not None and not work.name:",
        replace="if conclude is not None and work.name < '':",
        test="tests/server/test_taxii_intake.py::TestStatus"
        "::test_a_status_is_stored_with_the_only_slice_of_its_objects",
        why="a crash between two commits leaves statements without the status of their submission",
    ),
)
