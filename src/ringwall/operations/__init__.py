"""operations: what whoever runs one node needs: backup and restore, checks, logs, metrics, traces.

Nothing here shows or logs content; a backup holds it, encrypted only where it says so.
May touch: core, alliance, policy, trust, store, exchange, identity, enrolment. `node` and `cli` use
it; `node` takes its logs, metrics and traces from their modules, so that commands need not load
them.
"""

from ringwall.operations.archive import Manifest
from ringwall.operations.backup import back_up
from ringwall.operations.doctor import examine
from ringwall.operations.findings import Check, has_faults
from ringwall.operations.restore import RestoredNode, mark_in_place, restore
from ringwall.operations.sources import BackupSource, database_source

__all__ = [
    "BackupSource",
    "Check",
    "Manifest",
    "RestoredNode",
    "back_up",
    "database_source",
    "examine",
    "has_faults",
    "mark_in_place",
    "restore",
]
