-- What another registry said of versions that were taken over from it. Rows come before the packages that they are
-- about are published, so they name addresses.

CREATE TABLE imported_tags (
    address text NOT NULL,
    version semver NOT NULL,
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
