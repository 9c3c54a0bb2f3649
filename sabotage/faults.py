"""The faults. Every room adds those that would hurt a member most.

`find` is the shortest text that occurs once in the file and says what is being broken; `test` is
the test that must turn red, and is green on the tree as it is.
"""

from sabotage.fault import Fault
from sabotage.faults_identity import IDENTITY
from sabotage.faults_intake import EDGE, INTAKE
from sabotage.faults_leaks import LEAKS
from sabotage.faults_operations import OPERATIONS
from sabotage.faults_redaction import REDACTION
from sabotage.faults_relays import RELAYS
from sabotage.faults_taxii import TAXII

ORACLE = "tests/policy/test_oracle.py::test_definition_kernel_sql_and_oracle_agree"
READING = "tests/stix/test_reading.py"

DECISION = (
    Fault(
        name="unknown-label-permits",
        file="src/ringwall/policy/gates/labelled.py",
        find="    if label.unknown or terms.unknown:",
        replace="    if False:",
        test="tests/policy/test_decision.py::test_what_is_not_understood_is_read_by_nobody",
        why="a marking that nobody here understands is treated as none",
    ),
    Fault(
        name="rel-to-gate-skipped",
        file="src/ringwall/policy/decision.py",
        find="        gates.rel_to_gate(asked),\n",
        replace="",
        test=ORACLE,
        why="members that REL TO does not name receive the statement",
    ),
    Fault(
        name="agreement-gate-skipped",
        file="src/ringwall/policy/decision.py",
        find="        gates.agreement_gate(asked, covering),\n",
        replace="",
        test=ORACLE,
        why="statements leave without any agreement, or after it has ended",
    ),
    Fault(
        name="tlp-red-for-groups",
        file="src/ringwall/policy/gates/recipients.py",
        find="    if label.tlp is not Tlp.RED:",
        replace="    if label.tlp is not None:",
        test="tests/policy/test_decision.py::test_who_is_refused_and_why",
        why="TLP:RED goes to everybody in a named group",
    ),
    Fault(
        name="clearance-gate-skipped",
        file="src/ringwall/policy/decision.py",
        find="        gates.clearance_gate(asked, reader),\n",
        replace="",
        test=ORACLE,
        why="readers see statements above the TLP that they are cleared for",
    ),
    Fault(
        name="role-gate-skipped",
        file="src/ringwall/policy/decision.py",
        find="        gates.role_gate(asked, reader),\n",
        replace="",
        test=ORACLE,
        why="administrators and auditors read content",
    ),
    Fault(
        name="decision-remembered-for-ever",
        file="src/ringwall/policy/kernel.py",
        find="        return self.since <= at and (self.until is None or at < self.until)",
        replace="        return self.since <= at",
        test="tests/policy/test_kernel.py::test_expiry_takes_effect_at_the_moment",
        why="an agreement that has ended goes on opening statements",
    ),
    Fault(
        name="classification-gate-skipped",
        file="src/ringwall/policy/decision.py",
        find="        gates.classification_gate(asked),\n",
        replace="",
        test=ORACLE,
        why="members receive what they are not cleared for",
    ),
    Fault(
        name="compiled-forgets-rel-to",
        file="src/ringwall/policy/compiled.py",
        find="        for _, names in lists:\n",
        replace="        for _, names in lists[1:]:\n",
        test=ORACLE,
        why="the form that decides the bulk releases to whom REL TO does not name",
    ),
    Fault(
        name="failing-veto-passes",
        file="src/ringwall/policy/vetoes.py",
        find="        if answer.diagnostics.errors:\n",
        replace="        if False:\n",
        test="tests/policy/test_vetoes.py::test_a_forbid_that_errors_denies",
        why="a veto that cannot be evaluated is skipped, as its engine does",
    ),
    Fault(
        name="agreement-without-a-signature",
        file="src/ringwall/sharing/signed.py",
        find="    return agreement.parties <= held.signatures.keys()\n",
        replace="    return bool(held.signatures)\n",
        test=(
            "tests/sharing/test_agreements.py"
            "::test_nothing_opens_before_every_party_has_signed_and_then_at_once"
        ),
        why="an agreement opens before every party has signed it",
    ),
    Fault(
        name="signature-not-verified",
        file="src/ringwall/sharing/signed.py",
        find="    verify(known[1], PURPOSES[act]",
        replace="    str((known[1], PURPOSES[act])) or verify(known[1], PURPOSES[act]",
        test=(
            "tests/sharing/test_agreements.py"
            "::test_a_row_that_was_changed_in_the_database_opens_nothing"
        ),
        why="whoever can write the database writes agreements",
    ),
    Fault(
        name="first-person-confirms",
        file="src/ringwall/exchange/confirming.py",
        find="        if held.submitted_by == officer.id:\n",
        replace="        if False:\n",
        test="tests/exchange/test_holding.py::test_the_first_person_is_not_the_second",
        why="one person alone releases what two must agree to",
    ),
    Fault(
        name="numbers-count",
        file="src/ringwall/exchange/numbering.py",
        find="    return secrets.randbelow(LONGEST_GAP)\n",
        replace="    return 0\n",
        test="tests/exchange/test_numbering.py::test_gaps_are_random_and_bounded",
        why="the gaps between numbers count what is withheld",
    ),
)

INPUT = (
    Fault(
        name="duplicate-key-accepted",
        file="src/ringwall/core/strict_json.py",
        find="            if key in settled:",
        replace="            if False:",
        test=f"{READING}::test_a_poisoned_object_fails_alone",
        why="two programs read two different labels from the same object",
    ),
    Fault(
        name="unsafe-integer-accepted",
        file="src/ringwall/core/strict_json.py",
        find="    elif isinstance(value, int) and not -_SAFE_INTEGER <= value <= _SAFE_INTEGER:",
        replace="    elif False:",
        test=f"{READING}::test_a_poisoned_object_fails_alone",
        why="a number changes on its way through another program, and its signature with it",
    ),
    Fault(
        name="conflicting-version-accepted",
        file="src/ringwall/stix/reading.py",
        find="        return known is not None and known >> _PLACE_BITS != hash(obj.sha256)\n",
        replace="        return False\n",
        test=f"{READING}::test_the_same_version_with_other_content_is_refused",
        why="one of two contradicting objects vanishes without a word",
    ),
)

PROOF = (
    Fault(
        name="signature-not-checked",
        file="src/ringwall/trust/envelope.py",
        find=(
            "    verify(public, ENVELOPE_PURPOSE, header.alliance, "
            "frame.payload, frame.signature)\n"
        ),
        replace="",
        test="tests/trust/test_envelope.py::test_bad_signature_is_its_own_error",
        why="anybody who reaches a hub speaks for any member",
    ),
    Fault(
        name="one-signature-is-enough",
        file="src/ringwall/trust/signatures.py",
        find="    verify_ml_dsa(public, purpose, alliance, payload, signature.ml_dsa_65)\n",
        replace="",
        test="tests/trust/test_signatures.py::test_both_algorithms_are_required",
        why="whoever breaks Ed25519 forges statements",
    ),
    Fault(
        name="recipients-not-covered",
        file="src/ringwall/trust/envelope.py",
        find="    if payload.header_digest != to_text(hashlib.sha256(frame.header).digest()):",
        replace="    if False:",
        test="tests/trust/test_envelope_forged.py::test_one_wrong_thing_is_enough",
        why="a hub changes recipients, lane or registry number of a signed envelope",
    ),
    Fault(
        name="salt-constant",
        file="src/ringwall/trust/statements.py",
        find="""and the seed is left out whatever is given for it.
    \"""
    salts = secrets.token_bytes(SALT_SIZE), secrets.token_bytes(SALT_SIZE)""",
        replace="""and the seed is left out whatever is given for it.
    \"""
    salts = bytes(SALT_SIZE), bytes(SALT_SIZE)""",
        test="tests/trust/test_envelope.py::test_a_constructor_never_uses_a_salt_twice",
        why="a withheld label or audience is guessed from its digest",
    ),
    Fault(
        name="proof-of-another-object",
        file="src/ringwall/trust/statements.py",
        find='leaf.get("object") == to_text(held_digest(body, seed, disclosure))',
        replace="True",
        test="tests/trust/test_statements.py::test_another_object_label_or_alliance_is_not_proven",
        why="a relayed or stored statement is altered and still counts as proven",
    ),
)

DURABILITY = (
    Fault(
        name="fsync-off",
        file="src/ringwall/store/sqlite/connection.py",
        find="PRAGMA synchronous = FULL",
        replace="PRAGMA synchronous = OFF",
        test="tests/store/test_writer.py::test_a_commit_waits_for_the_disk",
        why="what was acknowledged is gone after a power cut",
    ),
    Fault(
        name="acknowledged-before-commit",
        file="src/ringwall/store/writer.py",
        find="            self._session.commit()\n",
        replace="""            for pending, result, failure in outcomes:
                if failure is None:
                    pending.future.set_result(result)
            outcomes = [each for each in outcomes if each[2] is not None]
            self._session.commit()
""",
        test="tests/store/test_writer.py::test_nobody_is_told_before_another_connection_can_see_it",
        why="a submitter hears that a statement is safe, and a crash takes it",
    ),
    Fault(
        name="full-disk-swallowed",
        file="src/ringwall/store/writer.py",
        find="if error is not None:\n                pending.future.set_exception(error)",
        replace="if error is not None:\n                pending.future.set_result(None)",
        test="tests/store/test_full_disk.py::test_a_file_system_without_room",
        why="statements are acknowledged that a full disk did not take",
    ),
    Fault(
        name="reserve-open-to-all",
        file="src/ringwall/store/sqlite/store.py",
        find="        return free_bytes(self._path) >= self._reserve",
        replace="        return True",
        test="tests/store/test_full_disk.py::test_only_essential_jobs_may_use_the_reserve",
        why="intake fills the disk, and then nothing can be read or receipted any more",
    ),
)

READING_CONTENT = (
    Fault(
        name="route-unfiltered",
        file="src/ringwall/store/view.py",
        find="self._kernel.readable(tx.release_classes(), self._reader)",
        replace="frozenset(tx.release_classes())",
        test="tests/server/test_withheld.py::test_a_withheld_statement_is_on_no_route",
        why="every reader of a node sees everything that the node has",
    ),
    Fault(
        name="read-not-audited",
        file="src/ringwall/store/view.py",
        find='            tx.append_audit("read", entry)',
        replace="            pass",
        test="tests/store/test_view.py::test_every_read_is_entered_with_a_digest_of_the_result",
        why="nobody can tell afterwards who has seen what",
    ),
    Fault(
        name="read-before-its-audit-entry",
        file="src/ringwall/store/view.py",
        find="        return self._store.write(job, essential=True)",
        replace=(
            "        self._store.write(job, essential=True)\n"
            "        early: Future[list[T]] = Future()\n"
            "        early.set_result(found)\n"
            "        return early"
        ),
        test="tests/store/test_view.py::test_the_answer_waits_until_its_entry_is_durable",
        why="content leaves, the node crashes, and the log does not know",
    ),
    Fault(
        name="token-stored-in-clear",
        file="src/ringwall/identity/secrets.py",
        find="    return hashlib.sha256(secret.encode()).digest()",
        replace="    return secret.encode()",
        test="tests/server/test_access.py::test_all_usual_forms_of_a_token_are_accepted",
        why="whoever reads a backup acts as any reader",
    ),
)

ENGINE = "tests/exchange/test_engine.py"
ENGINE_FAULTS = "tests/exchange/test_engine_faults.py"

EXCHANGE = (
    Fault(
        name="ingress-decision-skipped",
        file="src/ringwall/exchange/inbox.py",
        find="        if self._kernel.may_receive(new.release_class, self._member):",
        replace="        if True:",
        test=f"{ENGINE}::test_the_recipient_decides_again_and_says_so_in_its_receipt",
        why="a member whose own agreements forbid it takes in whatever a peer sends",
    ),
    Fault(
        name="decision-at-sealing-skipped",
        file="src/ringwall/exchange/parting.py",
        find="        audience = tuple(node for node in row.audience if node in now)",
        replace="        audience = row.audience",
        test=f"{ENGINE}::test_an_agreement_that_ends_before_sealing_closes_at_once",
        why="a statement leaves after the agreement that opened it has ended",
    ),
    Fault(
        name="hub-acknowledged-before-commit",
        file="src/ringwall/exchange/inbox.py",
        find="        self._announce(await self._store_batch(lane, batch.created, checked))",
        replace=(
            "        last = batch.deliveries[-1].stream_sequence\n"
            "        await self._transport.acknowledge(lane, last)\n"
            "        self._announce(await self._store_batch(lane, batch.created, checked))"
        ),
        test=f"{ENGINE}::test_nothing_is_acknowledged_before_it_is_stored",
        why="the hub forgets what a crash then loses",
    ),
    Fault(
        name="position-not-stored-with-the-statement",
        file="src/ringwall/exchange/inbox.py",
        find="        tx.set_inbox_position(self._transport.hub, lane, last, created)",
        replace="        pass",
        test=f"{ENGINE}::test_nothing_is_acknowledged_before_it_is_stored",
        why="after a restart the node reads the hub from the wrong place",
    ),
    Fault(
        name="unlabelled-accepted",
        file="src/ringwall/exchange/drafting.py",
        find="own or self._default)",
        replace="own or self._default or Label(tlp=Tlp.CLEAR))",
        test=f"{ENGINE}::test_nothing_without_an_understood_label_is_stored",
        why="what nobody labelled is stored and may leave",
    ),
    Fault(
        name="altered-row-signed",
        file="src/ringwall/exchange/outbox.py",
        find="        digest == statement.digest",
        replace="        True",
        test=f"{ENGINE_FAULTS}::test_a_row_altered_at_rest_is_not_signed",
        why="what somebody changed in the database leaves with the node's own signature",
    ),
    Fault(
        name="canonical-form-not-checked",
        file="src/ringwall/exchange/arriving.py",
        find="    if stix.body != stated.object:",
        replace="    if False:",
        test=f"{ENGINE_FAULTS}::test_what_is_not_canonical_is_refused",
        why="two members hold different bytes of one object",
    ),
    Fault(
        name="receipt-for-another-believed",
        file="src/ringwall/exchange/receipts.py",
        find="    if receipt.recipient != sender or receipt.origin != me:",
        replace="    if False:",
        test=f"{ENGINE_FAULTS}::test_nobody_gives_a_receipt_for_another",
        why="one member makes an origin believe that another has what it never got",
    ),
    Fault(
        name="one-bad-message-stops-a-lane",
        file="src/ringwall/exchange/inbox.py",
        find=(
            "        except Exception as error:  # a defect of ours must not let one message stop a"
            " lane for ever"
        ),
        replace="        except StopIteration as error:",
        test=f"{ENGINE_FAULTS}::test_a_defect_of_ours_stops_one_message_and_not_the_lane",
        why="one poisoned statement ends every node that it is sent to, again at every start",
    ),
)

FAULTS: tuple[Fault, ...] = (
    *DECISION,
    *INPUT,
    *PROOF,
    *DURABILITY,
    *READING_CONTENT,
    *EXCHANGE,
    *OPERATIONS,
    *IDENTITY,
    *REDACTION,
    *RELAYS,
    *LEAKS,
    *TAXII,
    *INTAKE,
    *EDGE,
)
