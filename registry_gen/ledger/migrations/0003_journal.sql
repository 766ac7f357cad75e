-- What happened: alarms, runs, and who did what.

-- "token" is the digest of version, kind, published and seen: one open alarm for each thing that was seen.
CREATE TABLE tag_violations (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    package bigint NOT NULL REFERENCES packages,
    version text NOT NULL,
    kind text NOT NULL,
    published text NOT NULL,
    seen text NOT NULL,
    token sha256_hex NOT NULL,
    first_seen timestamptz NOT NULL,
    last_seen timestamptz NOT NULL CHECK (last_seen >= first_seen),
    acknowledged_at timestamptz CHECK (acknowledged_at >= first_seen)
);
CREATE UNIQUE INDEX one_open_violation ON tag_violations (package, token) WHERE acknowledged_at IS NULL;

CREATE TABLE sync_runs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    generation bigint NOT NULL,
    catalog_commit text,
    actor text NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz CHECK (ended_at >= started_at),
    status text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'succeeded', 'failed')),
    summary jsonb NOT NULL DEFAULT '{}',
    UNIQUE (generation, started_at),
    CHECK ((status = 'running') = (ended_at IS NULL))
);

-- Each row hashes the one before (registry_gen/ledger/audit.py says how). "before" and "after" are json, not jsonb,
-- because the hash covers their text as it was written.
CREATE TABLE audit_log (
    seq bigint PRIMARY KEY CHECK (seq >= 1),
    at timestamptz NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    address text NOT NULL,
    before json NOT NULL,
    after json NOT NULL,
    catalog_commit text,
    prev_hash sha256_hex NOT NULL UNIQUE,
    hash sha256_hex NOT NULL UNIQUE
);
CREATE TRIGGER audit_log_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log EXECUTE FUNCTION refuse_change();
