-- The place that is published to, as registry.yaml names it: NULL until the next publish where the ledger is older.
ALTER TABLE log_head ADD COLUMN place text;

-- Copies of the public storage that are on their way, and the documents that they have put already: an etag is its
-- storage's own, and those in "documents" stay the present storage's until the registry moves.
CREATE TABLE storage_copies (
    place text PRIMARY KEY,
    begun_at timestamptz NOT NULL
);
CREATE TABLE copied_documents (
    place text NOT NULL REFERENCES storage_copies ON DELETE CASCADE,
    key text NOT NULL,
    content sha256_hex NOT NULL,
    revision bigint NOT NULL CHECK (revision >= 0),
    etag text NOT NULL,
    PRIMARY KEY (place, key)
);
