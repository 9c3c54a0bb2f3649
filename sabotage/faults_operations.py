"""Faults of operations: what a backup, a restore or a log must never do."""

from sabotage.fault import Fault

BACKUP = "tests/operations/test_backup.py"
RESUMPTION = "tests/exchange/test_resumption.py"

OPERATIONS = (
    Fault(
        name="restored-node-repeats-sequences",
        file="src/ringwall/exchange/resumption.py",
        find="            first = tx.next_sequence(node, MARGIN)\n",
        replace="            first = 1\n",
        test=f"{RESUMPTION}::test_the_mark_keeps_numbers_apart_where_the_clock_does_not",
        why="a restored node states other things under the same numbers: equivocation",
    ),
    Fault(
        name="restored-node-repeats-positions",
        file="src/ringwall/exchange/resumption.py",
        find="            tx.skip_positions(other, lane, floor)\n",
        replace="            pass\n",
        test=f"{RESUMPTION}::test_a_receipt_for_the_first_life_confirms_nothing_of_the_second",
        why="an old receipt confirms what never arrived, and nobody sends it again",
    ),
    Fault(
        name="notice-of-another-believed",
        file="src/ringwall/exchange/resumption.py",
        find="    if (notice.origin, notice.recipient) != (sender, me):",
        replace="    if notice.recipient != me:",
        test=f"{RESUMPTION}::test_a_malformed_or_foreign_notice_is_refused",
        why="one node makes others stop waiting for what a third one sends",
    ),
    Fault(
        name="backup-part-not-hashed",
        file="src/ringwall/operations/archive.py",
        find="        if digest.hexdigest() != part.sha256:\n            _damaged(",
        replace="        if False:\n            _damaged(",
        test=f"{BACKUP}::test_a_flipped_bit_is_named",
        why="a damaged backup is restored as if it were sound",
    ),
    Fault(
        name="backup-manifest-unsigned",
        file="src/ringwall/operations/restore.py",
        find="    verify(known.keys, PURPOSE, ",
        replace="    (lambda *given: None)(known.keys, PURPOSE, ",
        test=f"{BACKUP}::test_a_manifest_of_other_keys_is_refused",
        why="whoever can write to the backups can make a node hold anything",
    ),
    Fault(
        name="backup-with-keys-in-the-clear",
        file="src/ringwall/operations/backup.py",
        find="        if is_private(name):\n",
        replace="        if not name:\n",
        test=f"{BACKUP}::test_without_a_passphrase_no_secret_is_in_it",
        why="every backup lets its reader be the node",
    ),
    Fault(
        name="tokens-live-again",
        file="src/ringwall/operations/restore.py",
        find="        return sum(tx.revoke_token(row.id, now) for row in tx.tokens())",
        replace="        return len(tx.tokens())",
        test=f"{BACKUP}::test_sessions_end_and_tokens_are_revoked",
        why="access that was taken away since the backup is back",
    ),
    Fault(
        name="log-tells-foreign-errors",
        file="src/ringwall/operations/logs.py",
        find='        own = f" {current}" if isinstance(current, RingwallError) else ""',
        replace='        own = f" {current}"',
        test="tests/operations/test_logs.py::test_no_canary_gets_out",
        why="what somebody sent stands in the log, in the words of a library's error",
    ),
    Fault(
        name="old-registry-goes-on-sending",
        file="src/ringwall/operations/registry_age.py",
        find='        if state == "too-old":\n            raise',
        replace='        if state == "never":\n            raise',
        test="tests/operations/test_registry_age.py"
        "::test_it_stops_sending_statements_and_goes_on_reading",
        why="a node that is cut off from the news of stolen keys goes on giving out",
    ),
    Fault(
        name="migration-without-snapshot",
        file="src/ringwall/store/sqlite/migrations.py",
        find="    snapshot = _snapshot(connection, path, newest) if current else None\n",
        replace="    snapshot = None\n",
        test="tests/store/test_migrations.py::test_later_migrations_run_in_order_after_a_snapshot",
        why="there is no way back from an upgrade that went wrong",
    ),
)
