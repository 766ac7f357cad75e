-- Who acknowledged an alarm, and why. One row for each thing that was seen, acknowledged or not: what stays as it was
-- when somebody looked at it raises no new alarm, another value does.

ALTER TABLE tag_violations
    ADD COLUMN acknowledged_by text,
    ADD COLUMN acknowledged_reason text;
UPDATE tag_violations SET acknowledged_by = '', acknowledged_reason = '' WHERE acknowledged_at IS NOT NULL;
ALTER TABLE tag_violations ADD CONSTRAINT an_acknowledgement_is_whole CHECK (
    (acknowledged_at IS NULL) = (acknowledged_by IS NULL) AND (acknowledged_at IS NULL) = (acknowledged_reason IS NULL));

DELETE FROM tag_violations v USING tag_violations later
    WHERE later.package = v.package AND later.token = v.token AND later.id > v.id;
DROP INDEX one_open_violation;
CREATE UNIQUE INDEX one_violation_for_each_thing_seen ON tag_violations (package, token);
