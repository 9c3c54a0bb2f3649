"""OpenTAXII as a peer; runs in OpenTAXII's own environment, never in ours.

``python peer_opentaxii.py FILE`` makes an account, an API root and a public collection, loads the
objects of FILE (one a line) through its own tables, and prints the path of the collection's
objects. gunicorn serves ``app``. Its settings come from the file that OPENTAXII_CONFIG names.

OpenTAXII 0.9.3 cannot write the UUIDs of its own resources as JSON; `_Encoder` is the whole patch.
"""

import json
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import opentaxii.taxii2.http
from opentaxii.http import app, server
from opentaxii.persistence.sqldb.taxii2models import STIXObject

__all__ = ["app"]
USER = "admin"
CHUNK = 5000


class _Encoder(json.JSONEncoder):
    def default(self, o: Any) -> Any:
        return str(o) if isinstance(o, uuid.UUID) else super().default(o)


def _dumps(data: Any) -> str:
    return json.dumps(data, cls=_Encoder)


opentaxii.taxii2.http.json = type("json", (), {"dumps": staticmethod(_dumps)})


def prepare(source: Path) -> str:
    """Make everything that a client needs; return the path of the collection's objects."""
    server.auth.api.create_account(USER, USER, is_admin=True)
    store = server.servers.taxii2.persistence.api
    root = store.add_api_root(title="bench", default=True)
    collection = store.add_collection(
        api_root_id=str(root.id), title="c1", alias="c1", is_public=True, is_public_write=True
    )
    with source.open(encoding="utf-8") as lines:
        rows = [_row(json.loads(line), collection.id) for line in lines]
    for start in range(0, len(rows), CHUNK):
        store.db.session.bulk_insert_mappings(STIXObject, rows[start : start + CHUNK])
    store.db.session.commit()
    return f"/taxii2/{root.id}/collections/{collection.id}/objects/"


def _row(item: dict[str, Any], collection: uuid.UUID) -> dict[str, Any]:
    """Make the row that its own `add_objects` would have made."""
    head = ("id", "type", "spec_version")
    return {
        "id": item["id"],
        "collection_id": collection,
        "type": item["type"],
        "spec_version": item["spec_version"],
        "date_added": datetime.now(UTC),
        "version": datetime.fromisoformat(item["modified"]),
        "serialized_data": {name: value for name, value in item.items() if name not in head},
    }


if __name__ == "__main__":
    with app.app_context():
        print(prepare(Path(sys.argv[1])))
