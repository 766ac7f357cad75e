-- What a ledger needs whose state is kept in a bucket (registry_gen/ledger/bucket.py). Any other one has these tables empty
-- and these triggers switched off.

-- One row once the ledger holds what a bucket does: whose ledger, after how many changes, and the digest of the last one.
CREATE TABLE bucket_position (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    ledger text NOT NULL,
    number bigint NOT NULL CHECK (number >= 0),
    digest text NOT NULL
);

-- The parts of tables that differ from the bucket's last snapshot.
CREATE TABLE bucket_unsaved (
    relation text NOT NULL,
    part bigint NOT NULL,
    PRIMARY KEY (relation, part)
);

-- Rows as they are after a statement, kept for a session that made itself a table for them. "changed" is the transition
-- table; the argument is the column that says which part of its table a row belongs to: 4096 values to a part.
CREATE FUNCTION keep_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_regclass('pg_temp.bucket_changes') IS NOT NULL THEN
        EXECUTE format(
            'INSERT INTO pg_temp.bucket_changes (relation, gone, part, line) SELECT %L, %L, %s, r::text FROM changed r',
            TG_TABLE_NAME, TG_OP = 'DELETE',
            CASE WHEN TG_ARGV[0] = '' THEN '0' ELSE format('coalesce(r.%I / 4096, -1)', TG_ARGV[0]) END
        );
    END IF;
    RETURN NULL;
END
$$;

-- registry_gen/ledger/bucket_tables.py knows the same tables and columns; "publication" tells of this database alone.
DO $$
DECLARE
    kept record;
BEGIN
    FOR kept IN SELECT * FROM (VALUES
        ('packages', 'id'), ('modules', 'package'), ('providers', 'package'), ('mirrors', 'package'),
        ('module_versions', 'id'), ('provider_versions', 'id'), ('provider_platforms', 'version_id'),
        ('mirror_versions', 'id'), ('mirror_platforms', 'version_id'), ('signing_keys', ''), ('package_keys', 'package'),
        ('intents', 'id'), ('log_entries', 'index'), ('log_head', ''), ('documents', 'owner'), ('tag_violations', 'id'),
        ('sync_runs', 'id'), ('audit_log', 'seq'), ('imported_tags', ''), ('imported_zips', ''), ('release_sightings', ''),
        ('pending_purges', ''), ('storage_copies', ''), ('copied_documents', '')
    ) AS v (relation, part_column)
    LOOP
        EXECUTE format('CREATE TRIGGER keep_inserted AFTER INSERT ON %I REFERENCING NEW TABLE AS changed'
            ' FOR EACH STATEMENT EXECUTE FUNCTION keep_changes(%L)', kept.relation, kept.part_column);
        EXECUTE format('CREATE TRIGGER keep_updated AFTER UPDATE ON %I REFERENCING NEW TABLE AS changed'
            ' FOR EACH STATEMENT EXECUTE FUNCTION keep_changes(%L)', kept.relation, kept.part_column);
        EXECUTE format('CREATE TRIGGER keep_deleted AFTER DELETE ON %I REFERENCING OLD TABLE AS changed'
            ' FOR EACH STATEMENT EXECUTE FUNCTION keep_changes(%L)', kept.relation, kept.part_column);
        EXECUTE format('ALTER TABLE %I DISABLE TRIGGER keep_inserted, DISABLE TRIGGER keep_updated,'
            ' DISABLE TRIGGER keep_deleted', kept.relation);
    END LOOP;
END
$$;
