-- Passkeys (Web Authentication) that sign in to accounts.
CREATE TABLE passkeys (
    id              BLOB PRIMARY KEY,
    workspace_id    BLOB NOT NULL REFERENCES workspaces (id),
    user_id         BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    credential_id   BLOB NOT NULL,
    public_key      BLOB NOT NULL,
    sign_count      INTEGER NOT NULL,
    backup_eligible INTEGER NOT NULL,
    name            TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    used_at         INTEGER,
    UNIQUE (workspace_id, credential_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX passkeys_owner ON passkeys (user_id);

-- Ceremonies that have ended, until they would have expired: none ends twice.
CREATE TABLE passkey_ended (
    challenge_hash BLOB PRIMARY KEY,
    workspace_id   BLOB NOT NULL REFERENCES workspaces (id),
    expires_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX passkey_ended_expiry ON passkey_ended (expires_at);
