-- A run that was killed never says how it ended: the next one does.

ALTER TABLE sync_runs DROP CONSTRAINT sync_runs_status_check,
    ADD CONSTRAINT sync_runs_status_check CHECK (status IN ('running', 'succeeded', 'failed', 'interrupted'));
