-- A version's life after its publication: withdrawn, collected, and where the log last named it; and the runs behind
-- the audit log.

ALTER TABLE packages
    ADD COLUMN deprecations jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(deprecations) = 'array'),
    ADD COLUMN listed integer NOT NULL DEFAULT 0 CHECK (listed >= 0);
UPDATE packages SET deprecations = jsonb_build_array(jsonb_build_object('message', deprecated)) WHERE deprecated <> '';
ALTER TABLE packages DROP COLUMN deprecated;
UPDATE packages p SET listed = (SELECT count(*) FROM module_versions WHERE package = p.id AND status = 'published')
    + (SELECT count(*) FROM provider_versions WHERE package = p.id AND status = 'published')
    + (SELECT count(*) FROM mirror_versions WHERE package = p.id AND status = 'published');

-- Entries about a package name its version where they are about one. The registry's own entries have neither package
-- nor intent.
ALTER TABLE log_entries ADD COLUMN version text;
ALTER TABLE log_entries ALTER COLUMN package DROP NOT NULL;
ALTER TABLE log_entries ALTER COLUMN intent DROP NOT NULL;
ALTER TABLE log_entries DISABLE TRIGGER log_entries_stay;
UPDATE log_entries SET version = convert_from(payload, 'UTF8')::jsonb->>'version';
ALTER TABLE log_entries ENABLE TRIGGER log_entries_stay;

-- "withdrawn" is NULL while the version is listed, else {reason, by, at, stage, since}.
CREATE DOMAIN withdrawal AS jsonb CHECK (VALUE ?& ARRAY['reason', 'by', 'at', 'stage', 'since']
    AND VALUE->>'stage' IN ('unlisted', 'unlinked', 'collected'));
ALTER TABLE module_versions DROP COLUMN status,
    ADD COLUMN provenance sha256_hex,
    ADD COLUMN withdrawn withdrawal,
    ADD COLUMN log_index bigint REFERENCES log_entries (index);
ALTER TABLE provider_versions DROP COLUMN status,
    ADD COLUMN withdrawn withdrawal,
    ADD COLUMN log_index bigint REFERENCES log_entries (index);
ALTER TABLE mirror_versions DROP COLUMN status,
    ADD COLUMN withdrawn withdrawal,
    ADD COLUMN log_index bigint REFERENCES log_entries (index);
DROP DOMAIN version_status;
UPDATE module_versions v SET log_index =
    (SELECT max(index) FROM log_entries e WHERE e.package = v.package AND e.version = v.version);
UPDATE provider_versions v SET log_index =
    (SELECT max(index) FROM log_entries e WHERE e.package = v.package AND e.version = v.version);
UPDATE mirror_versions v SET log_index =
    (SELECT max(index) FROM log_entries e WHERE e.package = v.package AND e.version = v.version);

-- What was deleted cannot be listed again.
CREATE FUNCTION collected_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.withdrawn->>'stage' = 'collected' AND NEW.withdrawn->>'stage' IS DISTINCT FROM 'collected' THEN
        RAISE EXCEPTION 'version % was collected and stays withdrawn', OLD.version USING ERRCODE = 'LG006';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER module_versions_stay_collected BEFORE UPDATE ON module_versions
    FOR EACH ROW EXECUTE FUNCTION collected_is_final();
CREATE TRIGGER provider_versions_stay_collected BEFORE UPDATE ON provider_versions
    FOR EACH ROW EXECUTE FUNCTION collected_is_final();
CREATE TRIGGER mirror_versions_stay_collected BEFORE UPDATE ON mirror_versions
    FOR EACH ROW EXECUTE FUNCTION collected_is_final();

-- The pipeline that did it; part of the hash where it is known.
ALTER TABLE audit_log ADD COLUMN run_url text;
