-- The audit is read from its end, whole or of one actor; dead letters of all webhooks.
CREATE INDEX audit_time ON audit (created_at, id);
CREATE INDEX audit_actor ON audit (actor_id, created_at, id) WHERE actor_id IS NOT NULL;
CREATE INDEX webhook_deliveries_dead ON webhook_deliveries (webhook_id, event_id) WHERE next_attempt_at IS NULL;
