"""Contract suite: tokens, login codes, sessions, failed logins, named values."""

import hashlib
from collections.abc import Callable
from typing import Any

from ringwall.store import Store, TokenRow
from tests.store.samples import NOW

Do = Callable[[Callable[[Any], Any]], Any]
BEFORE = "2026-03-01T07:00:00.000000Z"
LATER = "2026-03-01T09:00:00.000000Z"


def hashed(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def token(name: str, expires: str = "", revoked: str = "") -> TokenRow:
    return TokenRow(name, hashed(name), "ana", f"token {name}", NOW, expires, revoked)


def test_a_token_is_its_readers_until_it_expires_or_is_revoked(store: Store, do: Do) -> None:
    do(lambda tx: [tx.put_token(token("t1")), tx.put_token(token("t2", expires=LATER))])
    with store.read() as tx:
        assert tx.reader_of_token(hashed("t1"), LATER) == "ana"
        assert tx.reader_of_token(hashed("t2"), NOW) == "ana"
        assert tx.reader_of_token(hashed("t2"), LATER) is None
        assert tx.reader_of_token(b"t1", NOW) is None
        assert [row.id for row in tx.tokens("ana")] == ["t1", "t2"]
        assert tx.tokens("bob") == []
    assert do(lambda tx: tx.revoke_token("t1", NOW)) is True
    assert do(lambda tx: tx.revoke_token("t1", NOW)) is False
    assert do(lambda tx: tx.revoke_token("t9", NOW)) is False
    with store.read() as tx:
        assert tx.reader_of_token(hashed("t1"), NOW) is None
        assert tx.tokens()[0].revoked == NOW


def test_a_login_code_works_once_and_in_time(store: Store, do: Do) -> None:
    do(lambda tx: [tx.put_login_code(hashed(c), "ana", NOW) for c in ("one", "late")])
    assert do(lambda tx: tx.use_login_code(hashed("one"), BEFORE)) == "ana"
    assert do(lambda tx: tx.use_login_code(hashed("one"), BEFORE)) is None
    assert do(lambda tx: tx.use_login_code(hashed("late"), NOW)) is None
    assert do(lambda tx: tx.use_login_code(hashed("other"), BEFORE)) is None


def test_a_session_ends_in_time_or_by_hand(store: Store, do: Do) -> None:
    do(lambda tx: [tx.put_session(hashed(s), "ana", BEFORE, NOW) for s in ("s1", "s2")])
    with store.read() as tx:
        assert tx.reader_of_session(hashed("s1"), BEFORE) == "ana"
        assert tx.reader_of_session(hashed("s1"), NOW) is None
    do(lambda tx: tx.end_session(hashed("s1")))
    with store.read() as tx:
        assert tx.reader_of_session(hashed("s1"), BEFORE) is None
        assert tx.reader_of_session(hashed("s2"), BEFORE) == "ana"


def test_failed_logins_are_counted_per_source_and_time(store: Store, do: Do) -> None:
    for source, at in (("192.0.2.1", BEFORE), ("192.0.2.1", NOW), ("192.0.2.2", NOW)):
        do(lambda tx, source=source, at=at: tx.add_login_failure(source, at))
    with store.read() as tx:
        assert tx.login_failures("192.0.2.1", BEFORE) == 2
        assert tx.login_failures("192.0.2.1", NOW) == 1
        assert tx.login_failures("192.0.2.3", BEFORE) == 0
    do(lambda tx: tx.clear_login_failures("192.0.2.1"))
    with store.read() as tx:
        assert tx.login_failures("192.0.2.1", BEFORE) == 0
        assert tx.login_failures("192.0.2.2", BEFORE) == 1


def test_purging_forgets_what_ended(store: Store, do: Do) -> None:
    do(lambda tx: tx.put_session(hashed("old"), "ana", BEFORE, BEFORE))
    do(lambda tx: tx.put_session(hashed("new"), "ana", BEFORE, LATER))
    do(lambda tx: tx.put_login_code(hashed("code"), "ana", BEFORE))
    do(lambda tx: tx.add_login_failure("192.0.2.1", BEFORE))
    do(lambda tx: tx.purge_access(NOW))
    with store.read() as tx:
        assert tx.reader_of_session(hashed("new"), NOW) == "ana"
        assert tx.reader_of_session(hashed("old"), "2026-01-01T00:00:00.000000Z") is None
        assert tx.login_failures("192.0.2.1", BEFORE) == 0
    assert do(lambda tx: tx.use_login_code(hashed("code"), "2026-01-01T00:00:00.000000Z")) is None


def test_named_values(store: Store, do: Do) -> None:
    do(lambda tx: tx.set_meta("registry", b"1"))
    do(lambda tx: tx.set_meta("registry", b"2"))
    with store.read() as tx:
        assert tx.meta("registry") == b"2"
        assert tx.meta("other") is None
