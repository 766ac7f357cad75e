-- Who may approve what, as of the last publish that changed it: a change is judged by the rules before it. One row, none
-- where no catalog asked for approvals yet. "content" is what registry_gen/policy/content.py writes; "digest" is over what
-- it means.
CREATE TABLE approval_rules (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    digest sha256_hex NOT NULL,
    content json NOT NULL,
    published_at timestamptz NOT NULL
);

-- As 0013_bucket does it for the others.
CREATE TRIGGER keep_inserted AFTER INSERT ON approval_rules REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION keep_changes('');
CREATE TRIGGER keep_updated AFTER UPDATE ON approval_rules REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION keep_changes('');
CREATE TRIGGER keep_deleted AFTER DELETE ON approval_rules REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION keep_changes('');
ALTER TABLE approval_rules DISABLE TRIGGER keep_inserted, DISABLE TRIGGER keep_updated, DISABLE TRIGGER keep_deleted;
