-- Who may publish, what is on its way, the log, and the mutable documents of the bucket (design section 7).

-- One row. The generation grows with each holder of the publication lock.
CREATE TABLE publication (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    generation bigint NOT NULL,
    holder text,
    backend integer,
    since timestamptz
);
INSERT INTO publication (generation) VALUES (0);

CREATE FUNCTION generation_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.generation <= OLD.generation THEN
        RAISE EXCEPTION 'the generation of the publication only grows' USING ERRCODE = 'LG006';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER generation_only_grows BEFORE UPDATE ON publication
    FOR EACH ROW EXECUTE FUNCTION generation_only_grows();
CREATE TRIGGER publication_stays BEFORE DELETE OR TRUNCATE ON publication EXECUTE FUNCTION refuse_change();

-- "token" is the digest of the payload, so that a repeated begin finds its own intent. A finished intent needs no
-- payload: its facts are in the tables and its entries in the log. An abandoned one keeps it until its artifacts are
-- collected.
CREATE TABLE intents (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    address text NOT NULL,
    base bigint NOT NULL CHECK (base >= 0),
    token sha256_hex NOT NULL,
    payload jsonb,
    status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'logged', 'finished', 'abandoned', 'collected')),
    generation bigint NOT NULL,
    created_at timestamptz NOT NULL,
    CHECK ((payload IS NULL) = (status IN ('finished', 'collected')))
);
CREATE UNIQUE INDEX one_unfinished_intent_per_package ON intents (address) WHERE status IN ('open', 'logged');

CREATE FUNCTION intents_move_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.address, NEW.base, NEW.token) IS DISTINCT FROM (OLD.id, OLD.address, OLD.base, OLD.token)
        OR NEW.payload IS NOT NULL AND NEW.payload IS DISTINCT FROM OLD.payload
        OR (OLD.status, NEW.status) NOT IN (('open', 'logged'), ('logged', 'finished'), ('open', 'abandoned'), ('abandoned', 'collected'))
    THEN
        RAISE EXCEPTION 'intent % is % and cannot become %', OLD.id, OLD.status, NEW.status USING ERRCODE = 'LG006';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER intents_move_forward BEFORE UPDATE ON intents FOR EACH ROW EXECUTE FUNCTION intents_move_forward();
CREATE TRIGGER intents_stay BEFORE DELETE OR TRUNCATE ON intents EXECUTE FUNCTION refuse_change();

CREATE TABLE log_entries (
    index bigint PRIMARY KEY CHECK (index >= 0),
    type text NOT NULL,
    payload bytea NOT NULL,
    package bigint NOT NULL REFERENCES packages,
    intent bigint NOT NULL REFERENCES intents
);
CREATE INDEX log_entries_of_a_package ON log_entries (package);
CREATE TRIGGER log_entries_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON log_entries EXECUTE FUNCTION refuse_change();

-- One row. "tail" as registry_gen.log.tree writes it; "checkpoint" is NULL until that of this size is signed;
-- "etag" and "stored_size" are those of the checkpoint that the bucket was last seen to hold.
CREATE TABLE log_head (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    size bigint NOT NULL CHECK (size >= 0),
    tail bytea NOT NULL,
    root bytea NOT NULL CHECK (length(root) = 32),
    checkpoint bytea,
    etag text,
    stored_size bigint NOT NULL DEFAULT 0 CHECK (stored_size BETWEEN 0 AND size),
    CHECK (stored_size = 0 OR etag IS NOT NULL)
);
INSERT INTO log_head (size, tail, root) VALUES (0, '\x0000000000000000', sha256(''));

CREATE FUNCTION log_head_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.size < OLD.size OR NEW.stored_size < OLD.stored_size
        OR NEW.size = OLD.size AND (NEW.tail, NEW.root) IS DISTINCT FROM (OLD.tail, OLD.root)
        OR NEW.size = OLD.size AND OLD.checkpoint IS NOT NULL AND NEW.checkpoint IS DISTINCT FROM OLD.checkpoint
    THEN
        RAISE EXCEPTION 'the log only grows, and one size has one checkpoint' USING ERRCODE = 'LG006';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER log_head_only_grows BEFORE UPDATE ON log_head FOR EACH ROW EXECUTE FUNCTION log_head_only_grows();
CREATE TRIGGER log_head_stays BEFORE DELETE OR TRUNCATE ON log_head EXECUTE FUNCTION refuse_change();

-- Mutable documents that are in the bucket now; no owner: they are the site's.
CREATE TABLE documents (
    key text PRIMARY KEY,
    owner bigint REFERENCES packages,
    content sha256_hex NOT NULL,
    revision bigint NOT NULL CHECK (revision >= 0),
    etag text NOT NULL
);
CREATE INDEX documents_of_an_owner ON documents (owner);
