-- Passkeys (Web Authentication) that sign in to accounts.
CREATE TABLE passkeys (
    id              UUID PRIMARY KEY,
    workspace_id    UUID NOT NULL REFERENCES workspaces (id),
    user_id         UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    credential_id   BYTEA NOT NULL,
    public_key      BYTEA NOT NULL,
    sign_count      BIGINT NOT NULL,
    backup_eligible BOOLEAN NOT NULL,
    name            TEXT NOT NULL,
    created_at      BIGINT NOT NULL,
    used_at         BIGINT,
    UNIQUE (workspace_id, credential_id)
);
CREATE INDEX passkeys_owner ON passkeys (user_id);

-- Ceremonies that have ended, until they would have expired: none ends twice.
CREATE TABLE passkey_ended (
    challenge_hash BYTEA PRIMARY KEY,
    workspace_id   UUID NOT NULL REFERENCES workspaces (id),
    expires_at     BIGINT NOT NULL
);
CREATE INDEX passkey_ended_expiry ON passkey_ended (expires_at);
