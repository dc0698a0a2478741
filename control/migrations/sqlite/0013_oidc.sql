-- Identities of providers (OpenID Connect) that sign in to accounts: one account for each, and one of a provider for each
-- account.
CREATE TABLE oidc_links (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    issuer       TEXT NOT NULL,
    subject      TEXT NOT NULL,
    user_id      BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, issuer, subject),
    UNIQUE (user_id, issuer)
) STRICT, WITHOUT ROWID;

-- Sign-ins that have ended, until they would have expired: none ends twice.
CREATE TABLE oidc_ended (
    state_hash   BLOB PRIMARY KEY,
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    expires_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX oidc_ended_expiry ON oidc_ended (expires_at);
