-- What a URL said of a release when it was asked last. Rows may go at any time: who has none, asks again. They come before
-- the packages that they are about are published, so they name addresses.

CREATE TABLE release_sightings (
    address text NOT NULL,
    version semver NOT NULL,
    location text NOT NULL,
    declared boolean NOT NULL,
    answer json NOT NULL,
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (address, version)
);
