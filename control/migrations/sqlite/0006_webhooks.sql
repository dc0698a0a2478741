-- Servers of the operator that are told what happens. `secret` signs what they are sent.
CREATE TABLE webhooks (
    id            BLOB PRIMARY KEY,
    workspace_id  BLOB NOT NULL REFERENCES workspaces (id),
    url           TEXT NOT NULL,
    secret        BLOB NOT NULL,
    created_at    INTEGER NOT NULL,
    failing_since INTEGER,
    disabled_at   INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX webhooks_workspace ON webhooks (workspace_id);

-- What each is told of.
CREATE TABLE webhook_types (
    webhook_id BLOB NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    type       TEXT NOT NULL,
    PRIMARY KEY (webhook_id, type)
) STRICT, WITHOUT ROWID;

-- What they have not been told yet, written in the transaction that made it true. A row goes when it got through; one that
-- was tried often enough is a dead letter and has no next try. Whoever tries it has it until `leased_until`.
CREATE TABLE webhook_deliveries (
    webhook_id      BLOB NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    event_id        BLOB NOT NULL,
    type            TEXT NOT NULL,
    body            TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    attempts        INTEGER NOT NULL DEFAULT 0,
    next_attempt_at INTEGER,
    leased_until    INTEGER NOT NULL DEFAULT 0,
    last_error      TEXT,
    PRIMARY KEY (webhook_id, event_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
