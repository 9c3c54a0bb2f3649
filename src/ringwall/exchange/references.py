"""Reference sets (ATT&CK, say): loaded data, nobody's statement, never released."""

import hashlib
import mmap

from ringwall.alliance import Reader
from ringwall.core import Clock, Forbidden, format_timestamp
from ringwall.exchange.drafting import unfit_for_reference
from ringwall.exchange.permitting import SUBMITTING_ROLES
from ringwall.stix import Refusal, read_submission
from ringwall.store import NewReference, Store, WriteTransaction


def load_reference(
    store: Store,
    clock: Clock,
    reader: Reader,
    set_name: str,
    raw: bytes | memoryview | mmap.mmap,
) -> tuple[int, list[Refusal]]:
    """Replace a reference set.

    All or nothing: returns how many objects are in the set now, or 0 and what was refused.
    Every reader of the node reads references, so nothing above TLP:CLEAR may be in one. Raises
    Forbidden (rule ``role``).
    """
    if not reader.roles & SUBMITTING_ROLES:
        raise Forbidden(f"reader {reader.id} has no role that may load references", rule="role")
    submission = read_submission(raw)
    refused = [*submission.refusals, *unfit_for_reference(submission)]
    if refused or not submission.objects:
        return 0, refused
    objects = [
        NewReference(item.id, item.type, item.version, item.body) for item in submission.objects
    ]
    at = format_timestamp(clock.now())
    digest = hashlib.sha256(b"".join(item.body for item in objects)).hexdigest()
    entry = {"set": set_name, "objects": len(objects), "sha256": digest, "reader": reader.id}

    def job(tx: WriteTransaction) -> None:
        tx.put_reference(set_name, objects, at)
        tx.append_audit("reference-loaded", entry)

    store.write(job).result()
    return len(objects), []
