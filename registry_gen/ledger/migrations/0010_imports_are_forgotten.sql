-- What was imported of something that was never published holds nobody to anything yet: it may be forgotten, so that an
-- import that was wrong can be taken back. What was published stands on its own digests; its rows stay as they are.

DROP TRIGGER imported_tags_stay ON imported_tags;
DROP TRIGGER imported_zips_stay ON imported_zips;
CREATE TRIGGER imported_tags_stay BEFORE UPDATE OR TRUNCATE ON imported_tags EXECUTE FUNCTION refuse_change();
CREATE TRIGGER imported_zips_stay BEFORE UPDATE OR TRUNCATE ON imported_zips EXECUTE FUNCTION refuse_change();

CREATE FUNCTION published_tags_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM gone g JOIN packages p USING (address) JOIN module_versions v ON v.package = p.id
        WHERE v.version = g.version
    ) THEN
        RAISE EXCEPTION 'imported tags of published versions are kept for good: % is refused', TG_OP
            USING ERRCODE = 'LG006';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER published_tags_stay AFTER DELETE ON imported_tags
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION published_tags_stay();

CREATE FUNCTION published_zips_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM gone g JOIN packages p USING (address) JOIN provider_versions v ON v.package = p.id
        JOIN provider_platforms z ON z.version_id = v.id
        WHERE v.version = g.version AND z.os = g.os AND z.arch = g.arch
    ) THEN
        RAISE EXCEPTION 'imported digests of published zips are kept for good: % is refused', TG_OP
            USING ERRCODE = 'LG006';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER published_zips_stay AFTER DELETE ON imported_zips
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION published_zips_stay();
