"""Tokens, sessions, links and passkeys as each kind of store keeps them: good once, and in time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest

from ringwall.alliance import load_alliance
from ringwall.core import Conflict, Forbidden, NotFound, TooMany, Unauthenticated
from ringwall.identity import Grant, Scope
from ringwall.identity import links as login_links
from ringwall.identity import passkeys as passkey_room
from ringwall.identity import tokens as token_room
from ringwall.identity.forgetting import forget_logins
from ringwall.identity.links import LoginLink, confirm_link, drop_link, make_link, pending_links
from ringwall.identity.passkeys import (
    Passkey,
    PasskeyUse,
    add_passkey,
    drop_passkey,
    passkeys_of,
    record_use,
)
from ringwall.identity.secrets import hash_code, hash_secret
from ringwall.identity.sessions import (
    SessionEntry,
    drop_session,
    end_sessions,
    find_session,
    put_session,
    sessions_of,
)
from ringwall.identity.tokens import (
    GRANT,
    Bearer,
    NewToken,
    drop_token,
    find_bearer,
    make_token,
    new_token,
    tokens_of,
)
from ringwall.labels import Tlp
from ringwall.store import ReadTransaction, Store, WriteTransaction
from tests.identity.alliances import ALLIANCE

T = TypeVar("T")
AT, LATER, END = (f"2026-01-01T{hour:02}:00:00.000000Z" for hour in (0, 1, 8))
READING = Grant(frozenset({Scope.READ}), frozenset({"analyst"}), Tlp.GREEN)
BOOK = load_alliance(ALLIANCE)


def write(store: Store, job: Callable[[WriteTransaction], T]) -> T:
    return store.write(job).result(10)


def read(store: Store, look: Callable[[ReadTransaction], T]) -> T:
    with store.read() as snapshot:
        return look(snapshot)


# --- tokens ---


def given(store: Store, grant: Grant | None = None, *, created: str = AT) -> str:
    secret = new_token(narrowed=grant is not None)
    wanted = NewToken("analyst", "a note", created, END, grant)
    write(store, lambda tx: make_token(tx, wanted, secret))
    return secret


@pytest.mark.parametrize("grant", [None, READING])
def test_a_token_is_its_readers_with_its_grant_until_it_ends(
    store: Store, grant: Grant | None
) -> None:
    secret = given(store, grant)
    assert read(store, lambda tx: find_bearer(tx, secret, LATER)) == Bearer("analyst", grant)
    assert read(store, lambda tx: find_bearer(tx, secret, END)) is None
    assert read(store, lambda tx: find_bearer(tx, f"{secret}x", LATER)) is None
    (listed,) = read(store, lambda tx: tokens_of(tx, "analyst", LATER))
    assert (listed.grant, listed.note, listed.expires) == (grant, "a note", END)
    assert not write(store, lambda tx: drop_token(tx, "stranger", listed.id, LATER))
    assert write(store, lambda tx: drop_token(tx, "analyst", listed.id, LATER))
    assert read(store, lambda tx: find_bearer(tx, secret, LATER)) is None
    assert read(store, lambda tx: tokens_of(tx, "analyst", LATER)) == []


def test_a_narrowed_token_without_its_grant_is_good_for_nothing(store: Store) -> None:
    secret = given(store, READING)
    key = hash_secret(secret).hex()
    assert write(store, lambda tx: tx.drop_document(GRANT, "analyst", key))
    assert read(store, lambda tx: find_bearer(tx, secret, AT)) is None


def test_tokens_are_listed_by_age_and_are_so_many_and_no_more(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_room, "MOST", 2)
    given(store, created=LATER)
    given(store, created=AT)
    with pytest.raises(TooMany):
        given(store)
    assert [one.created for one in read(store, lambda tx: tokens_of(tx, "analyst", AT))] == [
        AT,
        LATER,
    ]


# --- sessions ---


def session(number: int, created: str = AT) -> SessionEntry:
    digest = hash_secret(f"session {number}").hex()
    return SessionEntry(digest, "analyst", "passkey", "192.0.2.1", created, END)


def test_sessions_end_in_time_one_by_one_and_all_at_once(store: Store) -> None:
    begun = [session(1, LATER), session(2), session(3)]
    for one in begun:
        write(store, lambda tx, one=one: put_session(tx, one))
    hashes = [bytes.fromhex(one.id) for one in begun]

    def who(number: int, at: str) -> Any:
        return read(
            store,
            lambda tx: (
                tx.reader_of_session(hashes[number], at),
                find_session(tx, "analyst", hashes[number], at),
            ),
        )

    assert who(0, LATER) == ("analyst", begun[0])
    assert who(0, END) == (None, None)
    listed = read(store, lambda tx: sessions_of(tx, "analyst", LATER))
    assert [one.created for one in listed] == [AT, AT, LATER]
    assert write(store, lambda tx: drop_session(tx, "analyst", begun[0].id))
    assert not write(store, lambda tx: drop_session(tx, "analyst", begun[0].id))
    assert who(0, LATER) == (None, None)
    assert write(store, lambda tx: end_sessions(tx, "analyst", LATER)) == 2
    assert [who(number, LATER) for number in (1, 2)] == [(None, None)] * 2


# --- login links ---


def link(reader: str, created: str = AT) -> LoginLink:
    return LoginLink("", reader, "admin", created, END)


def test_a_link_opens_with_both_parts_once_and_only_by_a_second_person(store: Store) -> None:
    analyst = BOOK.readers["analyst"]
    made = write(store, lambda tx: make_link(tx, "arden", analyst, link("analyst")))
    assert made.waits
    assert write(store, lambda tx: tx.use_login_code(hash_code(made.code), AT)) is None
    for nobody in ("admin", "analyst"):
        with pytest.raises(Forbidden):
            write(store, lambda tx, by=nobody: confirm_link(tx, "arden", made.id, by, AT))
    assert [one.id for one in read(store, lambda tx: pending_links(tx, "arden", AT))] == [made.id]
    second = write(store, lambda tx: confirm_link(tx, "arden", made.id, "policy", AT))
    with pytest.raises(NotFound):
        write(store, lambda tx: confirm_link(tx, "arden", made.id, "policy", AT))
    whole = hash_code(f"{made.code}.{second}")
    assert write(store, lambda tx: tx.use_login_code(whole, LATER)) == "analyst"
    assert write(store, lambda tx: tx.use_login_code(whole, LATER)) is None


def test_links_wait_by_age_so_many_and_no_longer_than_they_say(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_links, "MOST", 2)
    analyst = BOOK.readers["analyst"]
    made = [
        write(store, lambda tx, at=at: make_link(tx, "arden", analyst, link("analyst", at)))
        for at in (LATER, AT)
    ]
    with pytest.raises(TooMany):
        write(store, lambda tx: make_link(tx, "arden", analyst, link("analyst")))
    waiting = read(store, lambda tx: pending_links(tx, "arden", LATER))
    assert [one.id for one in waiting] == [made[1].id, made[0].id]
    assert read(store, lambda tx: pending_links(tx, "arden", END)) == []
    assert write(store, lambda tx: drop_link(tx, "arden", made[0].id))
    assert not write(store, lambda tx: drop_link(tx, "arden", made[0].id))


# --- passkeys ---


def passkey(number: int, reader: str = "analyst") -> Passkey:
    return Passkey(
        id=f"{number:032x}",
        reader=reader,
        note="a key",
        credential=f"credential {number}",
        public_key=bytes(range(77)),
        sign_count=number,
        created=AT,
    )


def test_a_passkey_is_kept_counted_and_taken_from_its_own_reader(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passkey_room, "MOST", 2)
    for one in (passkey(1), passkey(2)):
        write(store, lambda tx, one=one: add_passkey(tx, "arden", one))
    with pytest.raises(Conflict):
        write(store, lambda tx: add_passkey(tx, "arden", passkey(1)))
    with pytest.raises(TooMany):
        write(store, lambda tx: add_passkey(tx, "arden", passkey(3)))
    used = PasskeyUse(passkey(1), 9)
    write(store, lambda tx: record_use(tx, "arden", used, LATER))
    with pytest.raises(Unauthenticated) as copied:
        write(store, lambda tx: record_use(tx, "arden", used, LATER))
    assert copied.value.rule == "sign-count"
    kept = {one.id: one for one in read(store, lambda tx: passkeys_of(tx, "arden", "analyst", AT))}
    assert (kept[passkey(1).id].sign_count, kept[passkey(1).id].used) == (9, LATER)
    assert kept[passkey(2).id] == passkey(2)
    assert not write(store, lambda tx: drop_passkey(tx, "arden", "stranger", passkey(1).id, AT))
    assert write(store, lambda tx: drop_passkey(tx, "arden", "analyst", passkey(1).id, AT))
    with pytest.raises(Unauthenticated):
        write(store, lambda tx: record_use(tx, "arden", PasskeyUse(passkey(1), 10), LATER))


# --- all of them ---


def test_of_many_at_once_one_link_login_and_one_confirmation_count(store: Store) -> None:
    digest = hash_code("a code")
    write(store, lambda tx: tx.put_login_code(digest, "analyst", END))
    made = write(store, lambda tx: make_link(tx, "arden", BOOK.readers["analyst"], link("analyst")))

    def confirm(_: int) -> bool:
        try:
            write(store, lambda tx: confirm_link(tx, "arden", made.id, "policy", AT))
        except NotFound:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        logins = pool.map(
            lambda _: write(store, lambda tx: tx.use_login_code(digest, AT)), range(8)
        )
        assert sorted(filter(None, logins)) == ["analyst"]
        assert sum(pool.map(confirm, range(8))) == 1


def test_a_restored_node_forgets_who_was_let_in(store: Store) -> None:
    write(store, lambda tx: put_session(tx, session(1)))
    write(store, lambda tx: add_passkey(tx, "arden", passkey(1)))
    write(store, lambda tx: make_link(tx, "arden", BOOK.readers["analyst"], link("analyst")))
    write(store, lambda tx: forget_logins(tx, BOOK, "arden", AT))
    assert read(store, lambda tx: sessions_of(tx, "analyst", AT)) == []
    assert read(store, lambda tx: passkeys_of(tx, "arden", "analyst", AT)) == []
    assert read(store, lambda tx: pending_links(tx, "arden", AT)) == []
