-- Packages, their versions and platforms: what rendering needs, one row each (registry_gen/model/facts.py).
--
-- One schema holds one site. Another site is another schema, chosen by search_path in the DSN, so that no table
-- needs a column to say whose row it is; nothing below names a schema.

CREATE DOMAIN sha256_hex AS text CHECK (VALUE ~ '^[0-9a-f]{64}$');
CREATE DOMAIN dirhash AS text CHECK (VALUE ~ '^h1:[A-Za-z0-9+/]{43}=$');
CREATE DOMAIN git_commit AS text CHECK (VALUE ~ '^([0-9a-f]{40}|[0-9a-f]{64})$');
CREATE DOMAIN fingerprint AS text CHECK (VALUE ~ '^([0-9A-F]{40}|[0-9A-F]{64})$');
CREATE DOMAIN semver AS text
    CHECK (length(VALUE) <= 128 AND VALUE ~ '^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$');
CREATE DOMAIN hosting AS text CHECK (VALUE IN ('copy', 'link'));
CREATE DOMAIN version_status AS text CHECK (VALUE IN ('published', 'withdrawn'));

-- The SQLSTATE LG006 reaches people as LED006: logged is frozen.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are kept for good: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'LG006';
END
$$;

-- The head of a package of any kind. "inputs" and "due_at" are what the next plan compares with.
CREATE TABLE packages (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('module', 'provider', 'mirror')),
    address text NOT NULL UNIQUE,
    revision bigint NOT NULL DEFAULT 0 CHECK (revision >= 0),
    visible bigint NOT NULL DEFAULT 0 CHECK (visible BETWEEN 0 AND revision),
    inputs sha256_hex,
    due_at timestamptz,
    deprecated text NOT NULL DEFAULT '',
    rendering text NOT NULL DEFAULT '',
    UNIQUE (id, kind, address)
);

CREATE FUNCTION packages_only_grow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.kind, NEW.address) IS DISTINCT FROM (OLD.id, OLD.kind, OLD.address)
        OR NEW.revision NOT IN (OLD.revision, OLD.revision + 1)
        OR NEW.visible < OLD.visible
    THEN
        RAISE EXCEPTION '%: an address never changes, its revision grows by one, what is visible stays so', OLD.address
            USING ERRCODE = 'LG006';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER packages_only_grow BEFORE UPDATE ON packages FOR EACH ROW EXECUTE FUNCTION packages_only_grow();
CREATE TRIGGER packages_stay BEFORE DELETE OR TRUNCATE ON packages EXECUTE FUNCTION refuse_change();

-- Each kind repeats its kind and address only so that the foreign key can hold both to the package's own.
CREATE TABLE modules (
    package bigint PRIMARY KEY,
    kind text NOT NULL DEFAULT 'module' CHECK (kind = 'module'),
    namespace text NOT NULL,
    name text NOT NULL,
    system text NOT NULL,
    address text NOT NULL GENERATED ALWAYS AS (namespace || '/' || name || '/' || system) STORED,
    FOREIGN KEY (package, kind, address) REFERENCES packages (id, kind, address)
);

CREATE TABLE providers (
    package bigint PRIMARY KEY,
    kind text NOT NULL DEFAULT 'provider' CHECK (kind = 'provider'),
    namespace text NOT NULL,
    type text NOT NULL,
    address text NOT NULL GENERATED ALWAYS AS (namespace || '/' || type) STORED,
    FOREIGN KEY (package, kind, address) REFERENCES packages (id, kind, address)
);

CREATE TABLE mirrors (
    package bigint PRIMARY KEY,
    kind text NOT NULL DEFAULT 'mirror' CHECK (kind = 'mirror'),
    hostname text NOT NULL,
    namespace text NOT NULL,
    type text NOT NULL,
    address text NOT NULL GENERATED ALWAYS AS (hostname || '/' || namespace || '/' || type) STORED,
    FOREIGN KEY (package, kind, address) REFERENCES packages (id, kind, address)
);

CREATE TABLE module_versions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    package bigint NOT NULL REFERENCES modules,
    version semver NOT NULL,
    source text NOT NULL,
    path text NOT NULL,
    tag text,
    commit git_commit,
    tree dirhash NOT NULL,
    hosting hosting NOT NULL,
    archive sha256_hex,
    archive_size bigint CHECK (archive_size >= 0),
    location text,
    evidence sha256_hex,
    record sha256_hex NOT NULL,
    recorded_at timestamptz NOT NULL,
    status version_status NOT NULL,
    UNIQUE (package, version),
    CONSTRAINT a_tag_has_a_commit CHECK (tag IS NULL OR commit IS NOT NULL),
    CONSTRAINT a_copy_has_an_archive CHECK ((hosting = 'copy') = (archive IS NOT NULL AND archive_size IS NOT NULL)),
    CONSTRAINT a_link_has_a_location CHECK ((hosting = 'link') = (location IS NOT NULL))
);

-- Rule 1: same address and version, other bytes is refused. Where a version is hosted may change, and with it the
-- record; a stored archive may be given up for a link, never replaced.
CREATE FUNCTION module_versions_are_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.package, NEW.version, NEW.tree, NEW.commit, NEW.evidence)
            IS DISTINCT FROM (OLD.id, OLD.package, OLD.version, OLD.tree, OLD.commit, OLD.evidence)
        OR (NEW.archive, NEW.archive_size) IS DISTINCT FROM (OLD.archive, OLD.archive_size)
            AND NEW.archive IS NOT NULL AND OLD.archive IS NOT NULL
    THEN
        RAISE EXCEPTION 'version % of a module never changes its contents', OLD.version USING ERRCODE = 'LG006';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER module_versions_are_frozen BEFORE UPDATE ON module_versions
    FOR EACH ROW EXECUTE FUNCTION module_versions_are_frozen();
CREATE TRIGGER module_versions_stay BEFORE DELETE OR TRUNCATE ON module_versions EXECUTE FUNCTION refuse_change();

CREATE TABLE provider_versions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    package bigint NOT NULL REFERENCES providers,
    version semver NOT NULL,
    origin text NOT NULL,
    evidence sha256_hex NOT NULL,
    protocols text[] NOT NULL CHECK (array_position(protocols, NULL) IS NULL),
    sums sha256_hex NOT NULL,
    signature sha256_hex NOT NULL,
    signer fingerprint NOT NULL,
    sums_url text,
    signature_url text,
    hosting hosting NOT NULL,
    record sha256_hex NOT NULL,
    recorded_at timestamptz NOT NULL,
    status version_status NOT NULL,
    UNIQUE (package, version)
);

CREATE TABLE provider_platforms (
    version_id bigint NOT NULL REFERENCES provider_versions,
    os text NOT NULL CHECK (os ~ '^[0-9a-z]+$'),
    arch text NOT NULL CHECK (arch ~ '^[0-9a-z]+$'),
    filename text NOT NULL,
    zh sha256_hex NOT NULL,
    h1 dirhash,
    size bigint CHECK (size >= 0),
    url text,
    PRIMARY KEY (version_id, os, arch)
);

-- A mirror's version has the same facts; its sums say what vouched for the zips upstream.
CREATE TABLE mirror_versions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    package bigint NOT NULL REFERENCES mirrors,
    version semver NOT NULL,
    origin text NOT NULL,
    protocols text[] NOT NULL CHECK (array_position(protocols, NULL) IS NULL),
    sums sha256_hex NOT NULL,
    signature sha256_hex NOT NULL,
    signer fingerprint NOT NULL,
    sums_url text,
    signature_url text,
    hosting hosting NOT NULL,
    record sha256_hex NOT NULL,
    recorded_at timestamptz NOT NULL,
    status version_status NOT NULL,
    UNIQUE (package, version)
);

CREATE TABLE mirror_platforms (
    version_id bigint NOT NULL REFERENCES mirror_versions,
    os text NOT NULL CHECK (os ~ '^[0-9a-z]+$'),
    arch text NOT NULL CHECK (arch ~ '^[0-9a-z]+$'),
    filename text NOT NULL,
    zh sha256_hex NOT NULL,
    h1 dirhash,
    size bigint CHECK (size >= 0),
    url text,
    PRIMARY KEY (version_id, os, arch)
);

-- Sums, signature and record of a version are made anew when a platform or key is added; its identity stays.
CREATE FUNCTION version_identity_is_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.package, NEW.version) IS DISTINCT FROM (OLD.id, OLD.package, OLD.version) THEN
        RAISE EXCEPTION 'version % never changes its identity', OLD.version USING ERRCODE = 'LG006';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER provider_versions_are_frozen BEFORE UPDATE ON provider_versions
    FOR EACH ROW EXECUTE FUNCTION version_identity_is_frozen();
CREATE TRIGGER mirror_versions_are_frozen BEFORE UPDATE ON mirror_versions
    FOR EACH ROW EXECUTE FUNCTION version_identity_is_frozen();
CREATE TRIGGER provider_versions_stay BEFORE DELETE OR TRUNCATE ON provider_versions EXECUTE FUNCTION refuse_change();
CREATE TRIGGER mirror_versions_stay BEFORE DELETE OR TRUNCATE ON mirror_versions EXECUTE FUNCTION refuse_change();

-- The zip of a platform is fixed; its h1 and size may be learned later, once.
CREATE FUNCTION platforms_are_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.version_id, NEW.os, NEW.arch, NEW.filename, NEW.zh)
            IS DISTINCT FROM (OLD.version_id, OLD.os, OLD.arch, OLD.filename, OLD.zh)
        OR OLD.h1 IS NOT NULL AND NEW.h1 IS DISTINCT FROM OLD.h1
        OR OLD.size IS NOT NULL AND NEW.size IS DISTINCT FROM OLD.size
    THEN
        RAISE EXCEPTION 'the zip % never changes', OLD.filename USING ERRCODE = 'LG006';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER provider_platforms_are_frozen BEFORE UPDATE ON provider_platforms
    FOR EACH ROW EXECUTE FUNCTION platforms_are_frozen();
CREATE TRIGGER mirror_platforms_are_frozen BEFORE UPDATE ON mirror_platforms
    FOR EACH ROW EXECUTE FUNCTION platforms_are_frozen();
CREATE TRIGGER provider_platforms_stay BEFORE DELETE OR TRUNCATE ON provider_platforms
    EXECUTE FUNCTION refuse_change();
CREATE TRIGGER mirror_platforms_stay BEFORE DELETE OR TRUNCATE ON mirror_platforms EXECUTE FUNCTION refuse_change();

-- A certificate changes under its fingerprint when its owner extends it, and packages learn of that one by one:
-- so keys are kept by their content, and each package points at the armor that its documents carry.
CREATE TABLE signing_keys (
    digest sha256_hex PRIMARY KEY CHECK (digest = encode(sha256(convert_to(armor, 'UTF8')), 'hex')),
    fingerprint fingerprint NOT NULL,
    armor text NOT NULL
);
CREATE TRIGGER signing_keys_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON signing_keys EXECUTE FUNCTION refuse_change();

CREATE TABLE package_keys (
    package bigint NOT NULL REFERENCES packages,
    key sha256_hex NOT NULL REFERENCES signing_keys,
    PRIMARY KEY (package, key)
);
