"""The schema, as the list of migrations that lead to it.

Version N is what stands after ``MIGRATIONS[:N]``; a released migration never changes. The tables
are those of SQLite. What differs, and why:

- Text is compared by bytes (``COLLATE "C"``): versions and times sort as they do everywhere else.
- Row numbers of content come from the table ``counters``, not from sequences: whoever takes one
  holds that row until its transaction ends, so numbers become visible in ascending order and a
  reader that pages by them skips nothing. A sequence would skip what commits late.
- The tables that a bundle fills have no foreign keys: the check locks, and so writes, the parent
  row for every child. `integrity_faults` looks for what they would refuse.
- Search terms are made here (`terms`), not by the server: the same words on every server.
"""

INITIAL = """
CREATE TABLE meta (
    name text COLLATE "C" PRIMARY KEY,
    value bytea NOT NULL
);

-- The last number given out of each kind of row.
CREATE TABLE counters (
    name text COLLATE "C" PRIMARY KEY,
    last bigint NOT NULL
) WITH (fillfactor = 50);
INSERT INTO counters VALUES ('statements', 0), ('objects', 0), ('reference_objects', 0);

-- The last group of jobs that each writer committed: who loses the connection while it commits
-- looks here whether it did.
CREATE TABLE writers (
    session text COLLATE "C" PRIMARY KEY,
    last bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- Objects: the bytes once, whoever states them and however often.
CREATE TABLE objects (
    id bigint PRIMARY KEY,
    object_id text COLLATE "C" NOT NULL,
    object_type text COLLATE "C" NOT NULL,
    version text COLLATE "C" NOT NULL,
    sha256 bytea NOT NULL CHECK (length(sha256) = 32),
    marked boolean NOT NULL,
    body bytea NOT NULL
);
CREATE INDEX objects_by_name ON objects USING hash (object_id);

CREATE TABLE search (
    object bigint PRIMARY KEY,
    terms tsvector NOT NULL
);
CREATE INDEX search_by_term ON search USING gin (terms);

CREATE TABLE labels (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    document bytea NOT NULL
);
CREATE UNIQUE INDEX labels_by_document ON labels (sha256(document));

CREATE TABLE release_classes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key bytea NOT NULL,
    origin text COLLATE "C" NOT NULL,
    object_type text COLLATE "C" NOT NULL,
    label bigint NOT NULL REFERENCES labels (id),
    purpose text COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX release_classes_by_key ON release_classes (sha256(key));

CREATE TABLE statements (
    "order" bigint PRIMARY KEY,
    origin text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL CHECK (sequence > 0),
    object bigint NOT NULL,
    label bigint NOT NULL,
    release_class bigint NOT NULL,
    decision bigint,
    contested boolean NOT NULL,
    lane text COLLATE "C" NOT NULL,
    submitted_by text COLLATE "C" NOT NULL,
    received_at text COLLATE "C" NOT NULL,
    seed bytea NOT NULL CHECK (length(seed) = 32),
    digest bytea NOT NULL CHECK (length(digest) = 32),
    UNIQUE (origin, sequence)
);
CREATE INDEX statements_by_object ON statements (object);
CREATE INDEX statements_by_class ON statements (release_class, "order");

CREATE TABLE lane_counts (
    lane text COLLATE "C" PRIMARY KEY,
    statements bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE proof_batches (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shared bytea NOT NULL
);
CREATE TABLE proofs (
    statement bigint PRIMARY KEY,
    batch bigint NOT NULL,
    own bytea NOT NULL
);

CREATE TABLE observables (
    key bigint NOT NULL,
    statement bigint NOT NULL,
    PRIMARY KEY (key, statement)
);

CREATE TABLE object_references (
    target text COLLATE "C" NOT NULL,
    object bigint NOT NULL,
    PRIMARY KEY (target, object)
);

CREATE TABLE reference_objects (
    "order" bigint PRIMARY KEY,
    set_name text COLLATE "C" NOT NULL,
    object bigint NOT NULL REFERENCES objects (id),
    added_at text COLLATE "C" NOT NULL UNIQUE,
    UNIQUE (set_name, object)
);
CREATE INDEX reference_objects_by_object ON reference_objects (object);

CREATE TABLE reader_states (
    reader text COLLATE "C" PRIMARY KEY,
    seen bigint NOT NULL,
    classes bytea NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE replays (
    number bigint PRIMARY KEY,
    last bigint NOT NULL,
    starts text COLLATE "C" NOT NULL
);

CREATE TABLE documents (
    kind text COLLATE "C" NOT NULL,
    owner text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    body bytea NOT NULL,
    created text COLLATE "C" NOT NULL,
    expires text COLLATE "C" NOT NULL,
    PRIMARY KEY (kind, owner, key)
);
CREATE INDEX documents_by_end ON documents (expires) WHERE expires <> '';

-- Outward: decisions, interned because a bundle shares them; what waits; what was sealed.
CREATE TABLE sequences (
    origin text COLLATE "C" PRIMARY KEY,
    last bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE decisions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    document bytea NOT NULL
);
CREATE UNIQUE INDEX decisions_by_document ON decisions (sha256(document));

CREATE TABLE releases (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    statement bigint NOT NULL,
    decision bigint NOT NULL,
    at text COLLATE "C" NOT NULL
);
CREATE INDEX releases_by_statement ON releases (statement);

CREATE TABLE outbox (
    statement bigint PRIMARY KEY,
    lane text COLLATE "C" NOT NULL,
    audience text COLLATE "C" NOT NULL
);
CREATE INDEX outbox_by_lane ON outbox (lane, statement);

CREATE TABLE envelopes (
    "order" bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    lane text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    message_id text COLLATE "C" NOT NULL UNIQUE,
    data bytea,
    created_at text COLLATE "C" NOT NULL,
    hub text COLLATE "C" NOT NULL DEFAULT '',
    published_at text COLLATE "C" NOT NULL DEFAULT ''
);
-- A sealed envelope is random to the eye: trying to compress it is waste.
ALTER TABLE envelopes ALTER COLUMN data SET STORAGE EXTERNAL;
CREATE INDEX envelopes_unpublished ON envelopes (lane, "order") WHERE published_at = '';

CREATE TABLE envelope_statements (
    statement bigint NOT NULL,
    envelope bigint NOT NULL,
    PRIMARY KEY (statement, envelope)
);
CREATE INDEX envelope_statements_by_envelope ON envelope_statements (envelope);

CREATE TABLE envelope_recipients (
    node text COLLATE "C" NOT NULL,
    lane text COLLATE "C" NOT NULL,
    position bigint NOT NULL CHECK (position > 0),
    envelope bigint NOT NULL REFERENCES envelopes ("order"),
    settled_at text COLLATE "C" NOT NULL DEFAULT '',
    rejected text COLLATE "C",
    PRIMARY KEY (node, lane, position)
);
CREATE INDEX envelope_recipients_by_envelope ON envelope_recipients (envelope);

CREATE TABLE out_positions (
    node text COLLATE "C" NOT NULL,
    lane text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (node, lane)
) WITH (fillfactor = 50);

CREATE TABLE receipts (
    node text COLLATE "C" NOT NULL,
    lane text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    at text COLLATE "C" NOT NULL,
    evidence bytea NOT NULL,
    PRIMARY KEY (node, lane)
) WITH (fillfactor = 50);

-- Inward.
CREATE TABLE inbox_positions (
    hub text COLLATE "C" NOT NULL,
    lane text COLLATE "C" NOT NULL,
    stream_sequence bigint NOT NULL,
    consumer_created text COLLATE "C" NOT NULL,
    PRIMARY KEY (hub, lane)
) WITH (fillfactor = 50);

CREATE TABLE in_positions (
    origin text COLLATE "C" NOT NULL,
    lane text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    receipted bigint NOT NULL,
    PRIMARY KEY (origin, lane)
) WITH (fillfactor = 50);

CREATE TABLE in_ahead (
    origin text COLLATE "C" NOT NULL,
    lane text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (origin, lane, position)
);

CREATE TABLE in_rejected (
    origin text COLLATE "C" NOT NULL,
    lane text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    reason text COLLATE "C" NOT NULL,
    PRIMARY KEY (origin, lane, position)
);

-- The same bytes once; the sum is kept, because adding up what a flood left is dear.
CREATE TABLE quarantine (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    data bytea NOT NULL,
    rule text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    at text COLLATE "C" NOT NULL,
    hub text COLLATE "C" NOT NULL,
    lane text COLLATE "C" NOT NULL,
    stream_sequence bigint NOT NULL,
    sha256 bytea NOT NULL UNIQUE
);
ALTER TABLE quarantine ALTER COLUMN data SET STORAGE EXTERNAL;

CREATE TABLE quarantine_state (
    id integer PRIMARY KEY CHECK (id = 1),
    bytes bigint NOT NULL
) WITH (fillfactor = 50);
INSERT INTO quarantine_state VALUES (1, 0);

-- Audit: leaves and their hashes apart, so that personal data can go and the hashes stay.
CREATE TABLE audit (
    "index" bigint PRIMARY KEY,
    leaf bytea NOT NULL,
    hash bytea NOT NULL CHECK (length(hash) = 32)
);

CREATE TABLE audit_state (
    id integer PRIMARY KEY CHECK (id = 1),
    size bigint NOT NULL,
    frontier bytea NOT NULL
) WITH (fillfactor = 50);
INSERT INTO audit_state VALUES (1, 0, '');

CREATE TABLE checkpoints (
    size bigint PRIMARY KEY,
    root bytea NOT NULL,
    note bytea NOT NULL,
    signature bytea NOT NULL,
    at text COLLATE "C" NOT NULL
);

-- Access: hashes only.
CREATE TABLE tokens (
    id text COLLATE "C" PRIMARY KEY,
    hash bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    reader text COLLATE "C" NOT NULL,
    label text COLLATE "C" NOT NULL,
    created text COLLATE "C" NOT NULL,
    expires text COLLATE "C" NOT NULL,
    revoked text COLLATE "C" NOT NULL
);

CREATE TABLE login_codes (
    hash bytea PRIMARY KEY CHECK (length(hash) = 32),
    reader text COLLATE "C" NOT NULL,
    expires text COLLATE "C" NOT NULL
);

CREATE TABLE sessions (
    hash bytea PRIMARY KEY CHECK (length(hash) = 32),
    reader text COLLATE "C" NOT NULL,
    created text COLLATE "C" NOT NULL,
    expires text COLLATE "C" NOT NULL
);

CREATE TABLE login_failures (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text COLLATE "C" NOT NULL,
    at text COLLATE "C" NOT NULL
);
CREATE INDEX login_failures_by_source ON login_failures (source, at);
"""

STATEMENT_DIGESTS = """
-- The digests themselves are made anew by `migrations`: the server cannot tell which are right.

-- Ciphertext and hashes do not shrink: the server would try, for every bundle, in vain.
ALTER TABLE envelopes ALTER COLUMN data SET STORAGE EXTERNAL;
ALTER TABLE proof_batches ALTER COLUMN shared SET STORAGE EXTERNAL;
ALTER TABLE audit ALTER COLUMN leaf SET STORAGE EXTERNAL;
"""

REDACTIONS = """
-- What comes in place of the seed of a redaction that another node sent; `seed` of its statement
-- is the digest of this. It is salts and digests: nothing of it shrinks.
CREATE TABLE disclosures (
    statement bigint PRIMARY KEY,
    disclosure bytea NOT NULL
);
ALTER TABLE disclosures ALTER COLUMN disclosure SET STORAGE EXTERNAL;

-- Statements with properties that are for fewer readers than the rest: JSON, property -> class.
CREATE TABLE parts (
    statement bigint PRIMARY KEY,
    fields text COLLATE "C" NOT NULL
);

-- What is to be sealed without some of its fields: JSON, node -> fields.
ALTER TABLE outbox ADD COLUMN withheld text COLLATE "C" NOT NULL DEFAULT '{}';
"""

MIGRATIONS: tuple[str, ...] = (INITIAL, STATEMENT_DIGESTS, REDACTIONS)
