"""What the book of relays keeps; what it cannot read counts for nothing."""

from pathlib import Path

from ringwall.core import ManualClock, StatementId
from ringwall.sharing.relay_book import WAITING, RelayBook, Word
from ringwall.store import SqliteStore
from tests.sharing.offices import START

STATEMENT = StatementId("borduria-1", 4)


def test_a_first_word_of_an_earlier_release_counts_no_more(tmp_path: Path) -> None:
    clock = ManualClock(START)
    store, book = SqliteStore(tmp_path / "node.db", clock=clock), RelayBook("arden", clock)
    word = Word("releaser", ("description",))
    store.write(lambda tx: book.wait(tx, "dorne", STATEMENT, word)).result()
    with store.read() as tx:
        assert book.first_word(tx, "dorne", STATEMENT) == word
    old = (WAITING, "dorne", str(STATEMENT), b"releaser", book.now())
    store.write(lambda tx: tx.put_document(*old)).result()
    with store.read() as tx:
        assert book.first_word(tx, "dorne", STATEMENT) is None
    store.close()
