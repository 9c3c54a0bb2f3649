"""The agreements of one node: proposed, signed, in force, withdrawn; and told to the parties.

    propose → the parties' nodes hold it → each policy officer previews and signs at home
    → the last signature puts it in force, at every node in the same moment in which it has them all
    → withdrawn by any party, or over by its dates: closed on every path

What is in force is read from the signatures, verified, at every start and after every change; the
kernel then decides by it. Only a party may hold an agreement here, and only a policy officer acts.
"""

import asyncio
import hashlib
import logging
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Any

import msgspec

from ringwall.alliance import Agreement, Alliance, Reader, agreement_document, read_agreement
from ringwall.core import (
    BadConfiguration,
    BadEnvelope,
    Clock,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    Precedence,
    format_timestamp,
)
from ringwall.exchange import Message, Messages
from ringwall.exchange.retrying import until_done
from ringwall.policy import Kernel, boundaries, in_force
from ringwall.sharing.affirming import AGAIN, STILL, Affirming
from ringwall.sharing.past import PastSender
from ringwall.sharing.preview import MemberChange, preview
from ringwall.sharing.signed import (
    LARGEST_DOCUMENT,
    Act,
    FindKeys,
    Held,
    PartySignature,
    believed,
    in_effect,
    is_complete,
    make_signature,
    portions,
    read_held,
)
from ringwall.store import ReadTransaction, Store, WriteTransaction
from ringwall.trust import SigningKeys

PAST_SECONDS = 5.0
MOST_PROPOSED = 500
"""So many agreements that one member signed are kept without a signature of this one."""
KIND = "agreement"
"""The kind of its documents in the store, and of its messages."""
OFFICERS = frozenset({"policy-officer"})

log = logging.getLogger("ringwall.sharing.agreements")


class AgreementState(msgspec.Struct, frozen=True):
    """An agreement as its officers see it; ``state`` is one word for how far it has come."""

    digest: str
    agreement: Agreement
    state: str
    """``proposed``, ``in-force``, ``replaced``, ``withdrawn``, ``not-begun``, ``ended``, or
    ``not-affirmed``: this node was brought back from a backup and waits for the other parties."""
    signed: dict[str, str]
    """Member → when it signed."""
    missing: tuple[str, ...]
    withdrawn: dict[str, str]
    document: str


class Agreements:
    """Holds the agreements that this node's member is a party of; thread-safe."""

    def __init__(
        self,
        *,
        node: str,
        member: str,
        described: Alliance,
        kernel: Kernel,
        keys: SigningKeys,
        find_keys: FindKeys,
        store: Store,
        clock: Clock,
        messages: Messages,
        announce: Callable[[], None],
        past: PastSender,
        wake: Callable[[Precedence], None],
    ) -> None:
        """``described`` is the alliance as its description says, without signed agreements.

        ``announce`` is told when decisions change: streams and waiting readers look again.
        ``wake`` is told when there is something in the outbox.
        """
        self._past = past
        self._wake = wake
        self._announce = announce
        self._node = node
        self._member = member
        self._described = described
        self._kernel = kernel
        self._keys = keys
        self._find_keys = find_keys
        self._store = store
        self._clock = clock
        self._messages = messages
        self._gate = threading.Lock()
        self._affirming = Affirming(member=member, store=store, clock=clock, messages=messages)
        for kind in (KIND, AGAIN, STILL):
            messages.register(kind, self)

    # --- what is in force ---

    def changed(self) -> None:
        """Decide by what is in force now: at the start, and whenever something was signed."""
        with self._gate:
            alliance = self._with(self._effective())
            if alliance == self._kernel.alliance:
                return
            self._kernel.adopt(alliance)
        names = ", ".join(
            f"{each.id} {each.version}" for each in alliance.agreements if each.digest
        )
        log.info("signed agreements that count now: %s", names or "none")
        self._announce()

    def _effective(self) -> tuple[Agreement, ...]:
        with self._store.read() as tx:
            held, _ = self._rows(tx)
            return self._affirming.counting(tx, self._latest(tx), held)

    def _latest(self, tx: ReadTransaction) -> tuple[Agreement, ...]:
        held, damaged = self._rows(tx)
        find, member = self._find_keys, self._member
        return in_effect(self._described, held.values(), find, damaged, member=member)

    def _with(self, signed: tuple[Agreement, ...]) -> Alliance:
        agreements = (*self._described.agreements, *signed)
        return msgspec.structs.replace(self._described, agreements=agreements)

    def _all(self, tx: ReadTransaction) -> dict[str, Held]:
        """Return what is held, by digest."""
        return self._rows(tx)[0]

    def _rows(self, tx: ReadTransaction) -> tuple[dict[str, Held], list[bytes]]:
        """Return what is held, by digest, and the rows that were damaged: they open nothing."""
        found, damaged = {}, []
        for digest, raw in tx.documents(KIND, self._member, format_timestamp(self._clock.now())):
            held = _read_row(raw)
            if held is None or hashlib.sha256(held.document.encode()).hexdigest() != digest:
                log.error("agreement %s was damaged in the database", digest)
                damaged.append(raw)
            else:
                found[digest] = held
        return found, damaged

    async def run(self) -> None:
        """Ask the others after a restore; then send past statements where asked to, for ever."""
        await until_done(partial(asyncio.to_thread, self.ask_again), "agreements after a restore")
        while True:
            await until_done(partial(asyncio.to_thread, self.send_past), "sending past statements")
            await asyncio.sleep(PAST_SECONDS)

    def ask_again(self) -> None:
        """Ask, once after a restore, what the other nodes hold of this member's agreements."""
        seats = (seat.id for each in self._described.members.values() for seat in each.nodes)
        self._affirming.ask(
            [node for node in seats if node != self._node and self._find_keys(node)]
        )

    def send_past(self) -> None:
        """Send what agreements that are in force now opened of the past, each once."""
        with self._store.read() as tx:
            asked = {
                digest: held
                for digest, held in self._all(tx).items()
                if held.send_past and not held.sent_past
            }
        now = self._clock.now()
        for agreement in self._kernel.alliance.agreements if asked else ():
            if (
                agreement.digest in asked
                and in_force(agreement, now)
                and self._past.send(agreement)
            ):
                self._store.write(partial(self._note_sent, agreement)).result()
                self._wake(Precedence.BULK)

    def _note_sent(self, agreement: Agreement, tx: WriteTransaction) -> None:
        held = self._all(tx)[agreement.digest]
        self._keep(tx, agreement, msgspec.structs.replace(held, sent_past=True))

    # --- what officers do ---

    def listing(self) -> list[AgreementState]:
        """Return every agreement of this member, by name and version.

        One that the alliance description cannot make sense of any more is left out: it is closed.
        """
        with self._store.read() as tx:
            held = self._all(tx)
            latest = {each.digest for each in self._latest(tx)}
        counting = {each.digest for each in self._effective()}
        states = []
        for digest, one in held.items():
            try:
                states.append(self._state(digest, one, latest, counting))
            except BadConfiguration as error:
                log.warning("agreement %s: %s", digest, error)
        return sorted(states, key=lambda each: (each.agreement.id, each.agreement.version))

    def show(self, digest: str) -> AgreementState:
        """Return one agreement. Raises NotFound."""
        for each in self.listing():
            if each.digest == digest:
                return each
        raise NotFound(f"no agreement {digest[:80]!r}", field="agreement")

    def read(self, text: bytes) -> tuple[bytes, Agreement]:
        """Read an agreement that is to be proposed: what is signed, and what it says.

        Raises InvalidInput with the place and the rule (also ``expired``), Forbidden if this member
        is no party.
        """
        try:
            document = agreement_document(text)
            agreement = read_agreement(self._described, document)
        except BadConfiguration as error:
            raise InvalidInput(str(error), field=error.field, rule=error.rule) from error
        if self._member not in agreement.parties:
            raise Forbidden(f"{self._member} is no party of it", field="parties", rule="party")
        if len(document) > LARGEST_DOCUMENT:
            problem = f"an agreement has at most {LARGEST_DOCUMENT} bytes"
            raise InvalidInput(problem, field="agreement", rule="size")
        if boundaries(agreement)[1] <= self._clock.now():
            problem = f"/valid_until: it ended at {agreement.valid_until}"
            raise InvalidInput(problem, field="/valid_until", rule="expired")
        for party in sorted(agreement.parties):
            if not self._described.members[party].nodes:
                problem = f"/parties: {party} has no node and so cannot sign"
                raise InvalidInput(problem, field="/parties", rule="party")
        return document, agreement

    def preview(self, text: bytes) -> list[MemberChange]:
        """Return what an agreement would open and close of what this member stated here.

        It is taken as signed by all, in place of the version before, at the moment it begins.
        """
        _, agreement = self.read(text)
        others = tuple(each for each in self._effective() if each.id != agreement.id)
        return self._compare(self._with((*others, agreement)), agreement)

    def preview_withdrawal(self, digest: str) -> list[MemberChange]:
        """Return what would close if this member withdrew from an agreement."""
        gone = self.show(digest).agreement
        others = tuple(each for each in self._effective() if each.id != gone.id)
        return self._compare(self._with(others), None)

    def _compare(self, after: Alliance, agreement: Agreement | None) -> list[MemberChange]:
        at = self._clock.now()
        if agreement is not None:
            at = max(at, boundaries(agreement)[0])
        with self._store.read() as tx:
            classes = tx.release_classes()
            counts = tx.class_counts()
        own = {
            number: count
            for number, count in counts.items()
            if classes[number].origin == self._member
        }
        return preview(self._kernel.alliance, after, classes, own, at)

    def propose(self, officer: Reader, text: bytes) -> AgreementState:
        """Sign a new agreement, or a new version of one, and send it to its parties.

        Raises Forbidden, InvalidInput, Conflict (rule ``version``).
        """
        document, _ = self.read(text)
        return self._sign(officer, Held(document.decode()), send_past=False)

    def sign(self, officer: Reader, digest: str, *, send_past: bool = False) -> AgreementState:
        """Sign what another party proposed. Raises Forbidden, NotFound, Conflict."""
        with self._store.read() as tx:
            held = self._all(tx).get(digest)
        if held is None:
            raise NotFound(f"no agreement {digest[:80]!r}", field="agreement")
        return self._sign(officer, held, send_past=send_past)

    def _sign(self, officer: Reader, held: Held, *, send_past: bool) -> AgreementState:
        self._check_officer(officer)
        try:
            agreement = read_agreement(self._described, held.document.encode())
        except BadConfiguration as error:
            raise InvalidInput(str(error), field=error.field, rule=error.rule) from error
        given = self._given("signature", agreement)

        def job(tx: WriteTransaction) -> None:
            all_held = self._all(tx)
            self._check_version(agreement, all_held)
            known = all_held.get(agreement.digest, held)
            signatures = {**known.signatures, self._member: given}
            whole = msgspec.structs.replace(
                known, signatures=signatures, send_past=known.send_past or send_past
            )
            self._keep(tx, agreement, whole)
            tx.append_audit("agreement-signed", _entry(agreement, officer.id, self._member))
            self._tell(tx, agreement, whole)

        self._store.write(job).result()
        self._messages.wake()
        self.changed()
        return self.show(agreement.digest)

    def withdraw(self, officer: Reader, digest: str) -> AgreementState:
        """Withdraw from an agreement: closed here at once, at the others when they hear of it.

        Raises Forbidden, NotFound.
        """
        self._check_officer(officer)
        agreement = self.show(digest).agreement
        given = self._given("withdrawal", agreement)

        def job(tx: WriteTransaction) -> None:
            known = self._all(tx)[digest]
            withdrawals = {**known.withdrawals, self._member: given}
            whole = msgspec.structs.replace(known, withdrawals=withdrawals)
            self._keep(tx, agreement, whole)
            tx.append_audit("agreement-withdrawn", _entry(agreement, officer.id, self._member))
            self._tell(tx, agreement, whole)

        self._store.write(job).result()
        self._messages.wake()
        self.changed()
        return self.show(digest)

    def _check_officer(self, officer: Reader) -> None:
        if not officer.roles & OFFICERS or officer.member != self._member:
            raise Forbidden("this needs the role policy-officer", field="role", rule="role")

    def _given(self, act: Act, agreement: Agreement) -> PartySignature:
        at = format_timestamp(self._clock.now())
        alliance = self._described.id
        return make_signature(self._keys, act, alliance, agreement, self._member, self._node, at)

    def _check_version(self, agreement: Agreement, all_held: Mapping[str, Held]) -> None:
        """Refuse to sign two texts of one version, or one that was overtaken."""
        for digest, held in all_held.items():
            try:
                other = read_agreement(self._described, held.document.encode())
            except BadConfiguration:
                continue
            if other.id != agreement.id or digest == agreement.digest:
                continue
            if other.version == agreement.version and self._member in held.signatures:
                why = f"{self._member} has signed another text of version {other.version}"
                raise Conflict(f"{other.id}: {why}", field="/agreement/version", rule="version")
            if other.version > agreement.version and is_complete(other, held):
                why = f"version {other.version} is signed by all"
                raise Conflict(f"{other.id}: {why}", field="/agreement/version", rule="version")

    def _keep(self, tx: WriteTransaction, agreement: Agreement, held: Held) -> None:
        raw, now = msgspec.json.encode(held), format_timestamp(self._clock.now())
        tx.put_document(KIND, self._member, agreement.digest, raw, now)

    def _tell(self, tx: WriteTransaction, agreement: Agreement, held: Held) -> None:
        """Tell every other party's nodes, and other nodes of this member, all that is known."""
        bodies = [msgspec.to_builtins(each) for each in portions(held, self._member)]
        for party in agreement.parties:
            for seat in self._described.members[party].nodes:
                for body in bodies if seat.id != self._node else ():
                    self._messages.post(tx, seat.id, KIND, body)

    # --- what other nodes say ---

    def take(self, tx: WriteTransaction, message: Message) -> None:
        """Take what a party sends: the agreement and the words that verify; see MessageHandler."""
        if message.kind == AGAIN:
            self._affirming.answer(tx, message.sender, message.body, self._told_to(tx, message))
        elif message.kind == STILL:
            body = self._affirming.read_answer(tx, message.body)
            digest, member = self._take_held(tx, message.sender, body)
            self._affirming.note(tx, digest, member)
        else:
            self._take_held(tx, message.sender, message.body)

    def _told_to(self, tx: ReadTransaction, message: Message) -> list[Held]:
        """Return what the sender is a party of, but for versions that another one replaced."""
        sender = self._find_keys(message.sender)
        latest = {each.digest for each in self._latest(tx)}
        found = []
        for digest, held in self._all(tx).items():
            try:
                state = self._state(digest, held, latest, latest)
            except BadConfiguration:
                continue
            if sender and sender[0] in state.agreement.parties and state.state != "replaced":
                found.append(held)
        return found

    def _take_held(self, tx: WriteTransaction, node: str, body: Any) -> tuple[str, str]:
        """Take an agreement as a party's node sends it; return its digest, and the member."""
        said = read_held(body)
        try:
            agreement = read_agreement(self._described, said.document.encode())
        except BadConfiguration as error:
            raise BadEnvelope(str(error), field="agreement", rule=error.rule) from error
        sender = self._find_keys(node)
        if sender is None or not {sender[0], self._member} <= agreement.parties:
            raise BadEnvelope("agreement: not of both members", field="parties", rule="party")
        alliance, find = self._described.id, self._find_keys
        signatures, withdrawals = believed(said, agreement, alliance, sender[0], find)
        all_held = self._all(tx)
        if agreement.digest not in all_held:
            self._check_new(signatures, all_held.values(), sender[0])
        known = all_held.get(agreement.digest, Held(said.document))
        whole = msgspec.structs.replace(
            known,
            signatures={**known.signatures, **signatures},
            withdrawals={**withdrawals, **known.withdrawals},
        )
        if whole != known or not known.signatures:
            self._keep(tx, agreement, whole)
            tx.append_audit("agreement-received", _entry(agreement, "", sender[0]))
        return agreement.digest, sender[0]

    def _check_new(
        self, signatures: Collection[str], all_held: Iterable[Held], sender: str
    ) -> None:
        """Raise BadEnvelope unless ``sender`` proposes it, and proposes not more than is answered.

        What it withdrew counts as well: the rows are still here.
        """
        if sender not in signatures:
            why = f"agreement: {sender} sends what it has not signed"
            raise BadEnvelope(why, field="agreement", rule="unsigned")
        unanswered = sum(
            sender in held.signatures and self._member not in held.signatures for held in all_held
        )
        if unanswered >= MOST_PROPOSED:
            why = f"agreement: {unanswered} of {sender} are not signed here"
            raise BadEnvelope(why, field="agreement", rule="flood")

    def _state(
        self, digest: str, held: Held, latest: set[str], counting: set[str]
    ) -> AgreementState:
        agreement = read_agreement(self._described, held.document.encode())
        signed = {member: each.at for member, each in sorted(held.signatures.items())}
        withdrawn = {member: each.at for member, each in sorted(held.withdrawals.items())}
        return AgreementState(
            digest=digest,
            agreement=agreement,
            state=self._word(agreement, held, latest, counting),
            signed=signed,
            missing=tuple(sorted(agreement.parties - signed.keys())),
            withdrawn=withdrawn,
            document=held.document,
        )

    def _word(self, agreement: Agreement, held: Held, latest: set[str], counting: set[str]) -> str:
        if held.withdrawals:
            return "withdrawn"
        if not is_complete(agreement, held):
            return "proposed"
        if agreement.digest not in latest:
            return "replaced"
        if agreement.digest not in counting:
            return "not-affirmed"
        now, (opens, closes) = self._clock.now(), boundaries(agreement)
        if now < opens:
            return "not-begun"
        return "in-force" if now < closes else "ended"


def _read_row(raw: bytes) -> Held | None:
    try:
        return msgspec.json.decode(raw, type=Held)
    except msgspec.DecodeError:
        return None


def _entry(agreement: Agreement, officer: str, member: str) -> dict[str, str | int]:
    return {
        "agreement": agreement.id,
        "version": agreement.version,
        "digest": agreement.digest,
        "member": member,
        "reader": officer,
    }
