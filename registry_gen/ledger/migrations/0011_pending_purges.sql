-- Keys that changed in the bucket since the CDN in front of it was told. Each is noted in the transaction that says that
-- the change has happened, and goes when the CDN has taken it; "noted" grows, so that a change in between is not lost.

CREATE TABLE pending_purges (
    key text PRIMARY KEY,
    noted bigint NOT NULL GENERATED ALWAYS AS IDENTITY
);
