-- Identities of providers (OpenID Connect) that sign in to accounts: one account for each, and one of a provider for each
-- account.
CREATE TABLE oidc_links (
    workspace_id UUID NOT NULL REFERENCES workspaces (id),
    issuer       TEXT NOT NULL,
    subject      TEXT NOT NULL,
    user_id      UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, issuer, subject),
    UNIQUE (user_id, issuer)
);

-- Sign-ins that have ended, until they would have expired: none ends twice.
CREATE TABLE oidc_ended (
    state_hash   BYTEA PRIMARY KEY,
    workspace_id UUID NOT NULL REFERENCES workspaces (id),
    expires_at   BIGINT NOT NULL
);
CREATE INDEX oidc_ended_expiry ON oidc_ended (expires_at);
