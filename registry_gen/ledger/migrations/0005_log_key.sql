-- The verifier key (C2SP signed-note) that the log stands under: NULL until its first checkpoint is signed. It changes
-- between an append, which says so in the log, and the signature of the next checkpoint; never under a signed one.
ALTER TABLE log_head ADD COLUMN key text CHECK (key ~ '^[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+=*$');

CREATE OR REPLACE FUNCTION log_head_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.size < OLD.size OR NEW.stored_size < OLD.stored_size
        OR NEW.size = OLD.size AND (NEW.tail, NEW.root) IS DISTINCT FROM (OLD.tail, OLD.root)
        OR NEW.size = OLD.size AND OLD.checkpoint IS NOT NULL AND NEW.checkpoint IS DISTINCT FROM OLD.checkpoint
        OR OLD.key IS NOT NULL AND NEW.key IS DISTINCT FROM OLD.key AND NEW.checkpoint IS NOT NULL
        OR OLD.key IS NOT NULL AND NEW.key IS NULL
    THEN
        RAISE EXCEPTION 'the log only grows, and one size has one checkpoint, by the key of then' USING ERRCODE = 'LG006';
    END IF;
    RETURN NEW;
END
$$;
