"""The transactions of the port, put together from their parts."""

from ringwall.core import Precedence
from ringwall.store.records import Counts
from ringwall.store.sqlite.access import AccessReads, AccessWrites
from ringwall.store.sqlite.audit import AuditReads
from ringwall.store.sqlite.integrity import IntegrityReads
from ringwall.store.sqlite.inward import InwardReads, InwardWrites
from ringwall.store.sqlite.outward import OutwardReads
from ringwall.store.sqlite.readers import ReaderReads, ReaderWrites


class SqliteRead(OutwardReads, ReaderReads, AuditReads, InwardReads, AccessReads, IntegrityReads):
    """A snapshot (port.ReadTransaction)."""

    def counts(self) -> Counts:
        """See port."""
        lanes = {lane.value: 0 for lane in Precedence}
        return Counts(
            statements=lanes | dict(self._rows("SELECT lane, statements FROM lane_counts")),
            outbox=lanes | dict(self._rows("SELECT lane, count(*) FROM outbox GROUP BY lane")),
            unpublished=self._number("SELECT count(*) FROM envelopes WHERE published_at = ''"),
            quarantined=self._number("SELECT count(*) FROM quarantine"),
            audit_size=self.audit_size(),
            release_classes=self.release_class_count(),
            references=dict(
                self._rows("SELECT set_name, count(*) FROM reference_objects GROUP BY set_name")
            ),
        )

    def meta(self, name: str) -> bytes | None:
        """See port."""
        row = self._row("SELECT value FROM meta WHERE name = ?", name)
        return None if row is None else bytes(row[0])


class SqliteWrite(ReaderWrites, InwardWrites, AccessWrites, SqliteRead):
    """One job's transaction (port.WriteTransaction)."""

    def set_meta(self, name: str, value: bytes) -> None:
        """See port."""
        self._sql.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))
