-- What another registry said of versions that were taken over from it. Rows come before the packages that they are
-- about are published, so they name addresses.

CREATE TABLE imported_tags (
    address text NOT NULL,
    version semver NOT NULL,
    git text NOT NULL,
    tag text NOT NULL,
    PRIMARY KEY (address, version)
);

CREATE TABLE imported_zips (
    address text NOT NULL,
    version semver NOT NULL,
    os text NOT NULL CHECK (os ~ '^[0-9a-z]+$'),
    arch text NOT NULL CHECK (arch ~ '^[0-9a-z]+$'),
    zh sha256_hex NOT NULL,
    PRIMARY KEY (address, version, os, arch)
);

-- What was imported is what sources are held against: it stays as it was said first.
CREATE TRIGGER imported_tags_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON imported_tags EXECUTE FUNCTION refuse_change();
CREATE TRIGGER imported_zips_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON imported_zips EXECUTE FUNCTION refuse_change();

-- A link to a tag whose commit nobody has seen is unpinned; one that was imported was never fetched. Both are known once,
-- and from then on for good.
ALTER TABLE module_versions
    ALTER COLUMN tree DROP NOT NULL,
    DROP CONSTRAINT a_tag_has_a_commit,
    ADD CONSTRAINT a_commit_has_a_tag CHECK (commit IS NULL OR tag IS NOT NULL),
    ADD CONSTRAINT what_is_unpinned_was_not_fetched CHECK (tag IS NULL OR commit IS NOT NULL OR tree IS NULL),
    ADD CONSTRAINT what_was_not_fetched_is_a_link_to_a_tag CHECK (tree IS NOT NULL OR hosting = 'link' AND tag IS NOT NULL);

CREATE OR REPLACE FUNCTION module_versions_are_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.package, NEW.version, NEW.evidence) IS DISTINCT FROM (OLD.id, OLD.package, OLD.version, OLD.evidence)
        OR OLD.tree IS NOT NULL AND NEW.tree IS DISTINCT FROM OLD.tree
        OR OLD.commit IS NOT NULL AND NEW.commit IS DISTINCT FROM OLD.commit
        OR OLD.commit IS NULL AND NEW.commit IS NOT NULL AND (OLD.tag IS NULL OR NEW.tag IS DISTINCT FROM OLD.tag)
        OR (NEW.archive, NEW.archive_size) IS DISTINCT FROM (OLD.archive, OLD.archive_size)
            AND NEW.archive IS NOT NULL AND OLD.archive IS NOT NULL
    THEN
        RAISE EXCEPTION 'version % of a module never changes its contents', OLD.version USING ERRCODE = 'LG006';
    END IF;
    RETURN NEW;
END
$$;
