"""The schema, as the list of migrations that lead to it.

Version N is what stands after ``MIGRATIONS[:N]``; a released migration never changes. Tables are
STRICT. ``order`` columns are AUTOINCREMENT: SQLite then never gives a number out twice, not even
after the highest row was deleted.
"""

SEARCH_INDEX = """
CREATE VIRTUAL TABLE search USING fts5(
    text, content='', tokenize='unicode61 remove_diacritics 2'
);
"""
# For verification, which reads the terms of an index that keeps no text.
SEARCH_TERMS = "CREATE VIRTUAL TABLE search_terms USING fts5vocab('search', 'instance');"

FIRST_LIGHT = (
    """
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Objects: the bytes once, whoever states them and however often.
CREATE TABLE objects (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    object_id TEXT NOT NULL,
    object_type TEXT NOT NULL,
    version TEXT NOT NULL,
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
    body BLOB NOT NULL,
    UNIQUE (object_id, version, sha256)
) STRICT;

-- Contentless: the text can be made again from the body. Deleting from it needs the old text.
"""
    + SEARCH_INDEX
    + """

CREATE TABLE labels (
    id INTEGER PRIMARY KEY,
    document BLOB NOT NULL UNIQUE
) STRICT;

CREATE TABLE release_classes (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    origin TEXT NOT NULL,
    object_type TEXT NOT NULL,
    label INTEGER NOT NULL REFERENCES labels (id),
    purpose TEXT NOT NULL
) STRICT;

-- Statements. The index on release_class also holds the rowid: one class in order of arrival.
CREATE TABLE statements (
    "order" INTEGER PRIMARY KEY AUTOINCREMENT,
    origin TEXT NOT NULL,
    sequence INTEGER NOT NULL CHECK (sequence > 0),
    object INTEGER NOT NULL REFERENCES objects (id),
    label INTEGER NOT NULL REFERENCES labels (id),
    release_class INTEGER NOT NULL REFERENCES release_classes (id),
    lane TEXT NOT NULL,
    submitted_by TEXT NOT NULL,
    received_at TEXT NOT NULL UNIQUE,
    seed BLOB NOT NULL CHECK (length(seed) = 32),
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    UNIQUE (origin, sequence)
) STRICT;
CREATE INDEX statements_by_object ON statements (object);
CREATE INDEX statements_by_class ON statements (release_class);

CREATE TABLE lane_counts (
    lane TEXT PRIMARY KEY,
    statements INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE proofs (
    statement INTEGER PRIMARY KEY REFERENCES statements ("order"),
    proof BLOB NOT NULL
) STRICT;

CREATE TABLE observables (
    value TEXT NOT NULL,
    kind TEXT NOT NULL,
    statement INTEGER NOT NULL REFERENCES statements ("order"),
    PRIMARY KEY (value, kind, statement)
) STRICT, WITHOUT ROWID;

CREATE TABLE reference_objects (
    "order" INTEGER PRIMARY KEY AUTOINCREMENT,
    set_name TEXT NOT NULL,
    object INTEGER NOT NULL REFERENCES objects (id),
    added_at TEXT NOT NULL UNIQUE,
    UNIQUE (set_name, object)
) STRICT;
CREATE INDEX reference_objects_by_object ON reference_objects (object);

-- Outward: decisions, interned because a bundle shares them; what waits; what was sealed.
CREATE TABLE sequences (
    origin TEXT PRIMARY KEY,
    last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE decisions (
    id INTEGER PRIMARY KEY,
    document BLOB NOT NULL UNIQUE
) STRICT;

CREATE TABLE releases (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    statement INTEGER NOT NULL REFERENCES statements ("order"),
    decision INTEGER NOT NULL REFERENCES decisions (id),
    at TEXT NOT NULL
) STRICT;
CREATE INDEX releases_by_statement ON releases (statement);

CREATE TABLE outbox (
    statement INTEGER PRIMARY KEY REFERENCES statements ("order"),
    lane TEXT NOT NULL,
    audience TEXT NOT NULL
) STRICT;
CREATE INDEX outbox_by_lane ON outbox (lane);

CREATE TABLE envelopes (
    "order" INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    lane TEXT NOT NULL,
    kind TEXT NOT NULL,
    message_id TEXT NOT NULL UNIQUE,
    data BLOB,
    created_at TEXT NOT NULL,
    hub TEXT NOT NULL DEFAULT '',
    published_at TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX envelopes_unpublished ON envelopes (lane) WHERE published_at = '';

CREATE TABLE envelope_statements (
    statement INTEGER NOT NULL REFERENCES statements ("order"),
    envelope INTEGER NOT NULL REFERENCES envelopes ("order"),
    PRIMARY KEY (statement, envelope)
) STRICT, WITHOUT ROWID;
CREATE INDEX envelope_statements_by_envelope ON envelope_statements (envelope);

CREATE TABLE envelope_recipients (
    node TEXT NOT NULL,
    lane TEXT NOT NULL,
    position INTEGER NOT NULL CHECK (position > 0),
    envelope INTEGER NOT NULL REFERENCES envelopes ("order"),
    settled_at TEXT NOT NULL DEFAULT '',
    rejected TEXT,
    PRIMARY KEY (node, lane, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX envelope_recipients_by_envelope ON envelope_recipients (envelope);

CREATE TABLE out_positions (
    node TEXT NOT NULL,
    lane TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (node, lane)
) STRICT, WITHOUT ROWID;

CREATE TABLE receipts (
    node TEXT NOT NULL,
    lane TEXT NOT NULL,
    position INTEGER NOT NULL,
    at TEXT NOT NULL,
    evidence BLOB NOT NULL,
    PRIMARY KEY (node, lane)
) STRICT, WITHOUT ROWID;

-- Inward.
CREATE TABLE inbox_positions (
    hub TEXT NOT NULL,
    lane TEXT NOT NULL,
    stream_sequence INTEGER NOT NULL,
    consumer_created TEXT NOT NULL,
    PRIMARY KEY (hub, lane)
) STRICT, WITHOUT ROWID;

CREATE TABLE in_positions (
    origin TEXT NOT NULL,
    lane TEXT NOT NULL,
    position INTEGER NOT NULL,
    receipted INTEGER NOT NULL,
    PRIMARY KEY (origin, lane)
) STRICT, WITHOUT ROWID;

CREATE TABLE in_ahead (
    origin TEXT NOT NULL,
    lane TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (origin, lane, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE in_rejected (
    origin TEXT NOT NULL,
    lane TEXT NOT NULL,
    position INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (origin, lane, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    data BLOB NOT NULL,
    rule TEXT NOT NULL,
    reason TEXT NOT NULL,
    at TEXT NOT NULL,
    hub TEXT NOT NULL,
    lane TEXT NOT NULL,
    stream_sequence INTEGER NOT NULL
) STRICT;

-- Audit: leaves and their hashes apart, so that personal data can go and the hashes stay.
CREATE TABLE audit (
    "index" INTEGER PRIMARY KEY,
    leaf BLOB NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE TABLE audit_state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    size INTEGER NOT NULL,
    frontier BLOB NOT NULL
) STRICT;
INSERT INTO audit_state VALUES (1, 0, x'');

CREATE TABLE checkpoints (
    size INTEGER PRIMARY KEY,
    root BLOB NOT NULL,
    note BLOB NOT NULL,
    signature BLOB NOT NULL,
    at TEXT NOT NULL
) STRICT;

-- Access: hashes only.
CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    reader TEXT NOT NULL,
    label TEXT NOT NULL,
    created TEXT NOT NULL,
    expires TEXT NOT NULL,
    revoked TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE login_codes (
    hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
    reader TEXT NOT NULL,
    expires TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
    reader TEXT NOT NULL,
    created TEXT NOT NULL,
    expires TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE login_failures (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    at TEXT NOT NULL
) STRICT;
CREATE INDEX login_failures_by_source ON login_failures (source, at);
"""
)

BOUNDED_QUARANTINE = """
-- The same bytes once; the sum is kept, because adding up what a flood left is dear.
ALTER TABLE quarantine ADD COLUMN sha256 BLOB;
CREATE UNIQUE INDEX quarantine_by_sha256 ON quarantine (sha256);

CREATE TABLE quarantine_state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    bytes INTEGER NOT NULL
) STRICT;
INSERT INTO quarantine_state SELECT 1, coalesce(sum(length(data)), 0) FROM quarantine;
"""

FAST_INTAKE = """
-- Wide text keys in random order made every insert touch pages of its own. Now an index holds 8
-- bytes of a digest in two levels (sqlite.two_level), and the row itself is compared.
CREATE TABLE new_objects (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    object_id TEXT NOT NULL,
    object_type TEXT NOT NULL,
    version TEXT NOT NULL,
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
    marked INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;
INSERT INTO new_objects SELECT id, object_id, object_type, version, sha256,
    instr(body, CAST('"object_marking_refs":[' AS BLOB)) > 0, body FROM objects ORDER BY id;
UPDATE sqlite_sequence SET seq = (SELECT seq FROM sqlite_sequence WHERE name = 'objects')
    WHERE name = 'new_objects';
DROP TABLE objects;
ALTER TABLE new_objects RENAME TO objects;
CREATE TABLE object_keys (
    key INTEGER NOT NULL,
    object INTEGER NOT NULL,
    PRIMARY KEY (key, object)
) STRICT, WITHOUT ROWID;
CREATE TABLE object_keys_recent (
    key INTEGER NOT NULL,
    object INTEGER NOT NULL,
    PRIMARY KEY (key, object)
) STRICT, WITHOUT ROWID;
INSERT INTO object_keys SELECT ringwall_key(object_id), id FROM objects ORDER BY 1;

-- The first decision stands in the row: most statements never have another. `contested`: other
-- statements are about the same STIX id, so a page has to look which of its versions is the last.
CREATE TABLE new_statements (
    "order" INTEGER PRIMARY KEY AUTOINCREMENT,
    origin TEXT NOT NULL,
    sequence INTEGER NOT NULL CHECK (sequence > 0),
    object INTEGER NOT NULL REFERENCES objects (id),
    label INTEGER NOT NULL REFERENCES labels (id),
    release_class INTEGER NOT NULL REFERENCES release_classes (id),
    decision INTEGER REFERENCES decisions (id),
    contested INTEGER NOT NULL,
    lane TEXT NOT NULL,
    submitted_by TEXT NOT NULL,
    received_at TEXT NOT NULL,
    seed BLOB NOT NULL CHECK (length(seed) = 32),
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    UNIQUE (origin, sequence)
) STRICT;
INSERT INTO new_statements SELECT s."order", s.origin, s.sequence, s.object, s.label,
    s.release_class, (SELECT r.decision FROM releases r WHERE r.statement = s."order"
    ORDER BY r.id LIMIT 1), (SELECT count(*) FROM objects o
    JOIN object_keys k ON k.key = ringwall_key(o.object_id) JOIN objects p ON p.id = k.object
    AND p.object_id = o.object_id JOIN statements t ON t.object = p.id WHERE o.id = s.object) > 1,
    s.lane, s.submitted_by, s.received_at, s.seed, s.digest FROM statements s ORDER BY s."order";
DELETE FROM releases WHERE id IN (SELECT min(id) FROM releases GROUP BY statement);
UPDATE sqlite_sequence SET seq = (SELECT seq FROM sqlite_sequence WHERE name = 'statements')
    WHERE name = 'new_statements';
DROP TABLE statements;
ALTER TABLE new_statements RENAME TO statements;
CREATE INDEX statements_by_object ON statements (object);
CREATE INDEX statements_by_class ON statements (release_class);

CREATE TABLE new_observables (
    key INTEGER NOT NULL,
    statement INTEGER NOT NULL,
    PRIMARY KEY (key, statement)
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO new_observables SELECT ringwall_key(value), statement FROM observables;
DROP TABLE observables;
ALTER TABLE new_observables RENAME TO observables;
CREATE TABLE observables_recent (
    key INTEGER NOT NULL,
    statement INTEGER NOT NULL,
    PRIMARY KEY (key, statement)
) STRICT, WITHOUT ROWID;

CREATE TABLE object_references (
    target TEXT NOT NULL,
    object INTEGER NOT NULL REFERENCES objects (id),
    PRIMARY KEY (target, object)
) STRICT, WITHOUT ROWID;
INSERT INTO object_references SELECT DISTINCT j.value, o.id FROM objects o,
    json_each(ringwall_references(o.body)) j
    WHERE EXISTS (SELECT 1 FROM statements s WHERE s.object = o.id);

-- Every bundle adds a segment to the search index: merging more of them at once writes less.
INSERT INTO search (search, rank) VALUES ('automerge', 16);
INSERT INTO search (search, rank) VALUES ('crisismerge', 48);

-- What proves a batch once, and each statement's own part.
CREATE TABLE proof_batches (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    shared BLOB NOT NULL
) STRICT;
CREATE TABLE new_proofs (
    statement INTEGER PRIMARY KEY REFERENCES statements ("order"),
    batch INTEGER NOT NULL REFERENCES proof_batches (id),
    own BLOB NOT NULL
) STRICT;
INSERT INTO proof_batches SELECT statement, proof FROM proofs ORDER BY statement;
INSERT INTO new_proofs SELECT statement, statement, x'' FROM proofs;
DROP TABLE proofs;
ALTER TABLE new_proofs RENAME TO proofs;

-- What each reader has been shown, and where older statements come again (store.places).
CREATE TABLE reader_states (
    reader TEXT PRIMARY KEY,
    seen INTEGER NOT NULL,
    classes BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE replays (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    last INTEGER NOT NULL,
    starts TEXT NOT NULL
) STRICT;

-- Small things with an owner and an end: TAXII statuses, saved searches, answers to repeat.
CREATE TABLE documents (
    kind TEXT NOT NULL,
    owner TEXT NOT NULL,
    key TEXT NOT NULL,
    body BLOB NOT NULL,
    created TEXT NOT NULL,
    expires TEXT NOT NULL,
    PRIMARY KEY (kind, owner, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX documents_by_end ON documents (expires) WHERE expires <> '';
"""

STATEMENT_DIGESTS = """
-- A statement is pinned by a digest that is cheaper than that of the object; older entries of the
-- audit log keep the latter. A row that does not fit its digest is left as it is.
UPDATE statements SET digest = ringwall_digest(
    digest, seed, (SELECT body FROM objects WHERE id = statements.object));
"""

REDACTIONS = """
-- What comes in place of the seed of a redaction that another node sent; `seed` of its statement
-- is the digest of this.
CREATE TABLE disclosures (
    statement INTEGER PRIMARY KEY REFERENCES statements ("order"),
    disclosure BLOB NOT NULL
) STRICT;

-- Statements with properties that are for fewer readers than the rest: JSON, property -> class.
CREATE TABLE parts (
    statement INTEGER PRIMARY KEY REFERENCES statements ("order"),
    fields TEXT NOT NULL
) STRICT;

-- What is to be sealed without some of its fields: JSON, node -> fields.
ALTER TABLE outbox ADD COLUMN withheld TEXT NOT NULL DEFAULT '{}';
"""

MIGRATIONS: tuple[str, ...] = (
    FIRST_LIGHT,
    BOUNDED_QUARANTINE,
    SEARCH_TERMS,
    FAST_INTAKE,
    STATEMENT_DIGESTS,
    REDACTIONS,
)
