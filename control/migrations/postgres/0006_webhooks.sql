-- Servers of the operator that are told what happens. `secret` signs what they are sent.
CREATE TABLE webhooks (
    id            UUID PRIMARY KEY,
    workspace_id  UUID NOT NULL REFERENCES workspaces (id),
    url           TEXT NOT NULL,
    secret        BYTEA NOT NULL,
    created_at    BIGINT NOT NULL,
    failing_since BIGINT,
    disabled_at   BIGINT
);
CREATE INDEX webhooks_workspace ON webhooks (workspace_id);

-- What each is told of.
CREATE TABLE webhook_types (
    webhook_id UUID NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    type       TEXT NOT NULL,
    PRIMARY KEY (webhook_id, type)
);

-- What they have not been told yet, written in the transaction that made it true. A row goes when it got through; one that
-- was tried often enough is a dead letter and has no next try. Whoever tries it has it until `leased_until`.
CREATE TABLE webhook_deliveries (
    webhook_id      UUID NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    event_id        UUID NOT NULL,
    type            TEXT NOT NULL,
    body            TEXT NOT NULL,
    created_at      BIGINT NOT NULL,
    attempts        BIGINT NOT NULL DEFAULT 0,
    next_attempt_at BIGINT,
    leased_until    BIGINT NOT NULL DEFAULT 0,
    last_error      TEXT,
    PRIMARY KEY (webhook_id, event_id)
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
