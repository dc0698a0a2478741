-- A session has an id, which stays when its token is replaced: its tickets and sockets hang on it. The token of before
-- is taken until `previous_until`; while that is NULL, the new one was not seen yet. `seen_at` is coarse. Address and
-- user agent are kept only where a setting says so.
DROP INDEX sessions_user, sessions_expiry;
ALTER TABLE sessions RENAME TO sessions_before;
CREATE TABLE sessions (
    id             UUID NOT NULL,
    workspace_id   UUID NOT NULL REFERENCES workspaces (id),
    user_id        UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash     BYTEA NOT NULL UNIQUE,
    token_at       BIGINT NOT NULL,
    previous_hash  BYTEA,
    previous_until BIGINT,
    created_at     BIGINT NOT NULL,
    seen_at        BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL,
    address        TEXT,
    user_agent     TEXT
);
INSERT INTO sessions (id, workspace_id, user_id, token_hash, token_at, created_at, seen_at, expires_at)
    SELECT gen_random_uuid(), workspace_id, user_id, token_hash, created_at, created_at, created_at, expires_at
    FROM sessions_before;
DROP TABLE sessions_before;
ALTER TABLE sessions ADD PRIMARY KEY (id);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);
CREATE INDEX sessions_previous ON sessions (previous_hash) WHERE previous_hash IS NOT NULL;

-- They live for 45 s, and clients get new ones by themselves.
DELETE FROM tickets;
ALTER TABLE tickets DROP COLUMN session_hash;
ALTER TABLE tickets ADD COLUMN session_id UUID REFERENCES sessions (id) ON DELETE CASCADE;
CREATE INDEX tickets_session ON tickets (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX tickets_user ON tickets (user_id);

-- `pending_since`: waits for an admin. `credentials_rev` counts what makes earlier proofs of identity worthless: a
-- new password, a block. A sign-in that began before it makes no session.
ALTER TABLE users ADD COLUMN pending_since BIGINT;
ALTER TABLE users ADD COLUMN credentials_rev BIGINT NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN email_verified_at BIGINT;

-- An invite makes `uses_max` accounts, and only for `email` where it has one. Only the hash of its token is kept.
CREATE TABLE account_invites (
    id           UUID PRIMARY KEY,
    workspace_id UUID NOT NULL REFERENCES workspaces (id),
    token_hash   BYTEA NOT NULL UNIQUE,
    email        TEXT,
    uses_max     BIGINT NOT NULL,
    uses         BIGINT NOT NULL DEFAULT 0 CHECK (uses <= uses_max),
    created_by   UUID,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    revoked_at   BIGINT
);

-- What a key may do: names of permissions with spaces between, or NULL for all that keys may. `used_at` is coarse.
ALTER TABLE api_keys ADD COLUMN scopes TEXT;
ALTER TABLE api_keys ADD COLUMN used_at BIGINT;

-- The second factor of an account (RFC 6238). The secret is sealed with a key that is not in the database. It counts
-- once it is confirmed. `last_step` is the last time step that a code was taken of: none is taken twice. `failures`
-- counts wrong codes in a row, and `retry_at` is when the next one is looked at.
CREATE TABLE second_factors (
    user_id      UUID PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    workspace_id UUID NOT NULL REFERENCES workspaces (id),
    secret       BYTEA NOT NULL,
    created_at   BIGINT NOT NULL,
    confirmed_at BIGINT,
    last_step    BIGINT NOT NULL DEFAULT 0,
    failures     BIGINT NOT NULL DEFAULT 0,
    retry_at     BIGINT NOT NULL DEFAULT 0
);

-- Each signs in once in place of the second factor.
CREATE TABLE recovery_codes (
    workspace_id UUID NOT NULL REFERENCES workspaces (id),
    user_id      UUID NOT NULL REFERENCES second_factors (user_id) ON DELETE CASCADE,
    code_hash    BYTEA NOT NULL,
    PRIMARY KEY (user_id, code_hash)
);

-- Links that prove something about an account: a use takes the row. Only the hash of the token is kept. `mailed`: it was
-- sent to `email`, and not handed out by an admin.
CREATE TABLE account_links (
    token_hash   BYTEA PRIMARY KEY,
    workspace_id UUID NOT NULL REFERENCES workspaces (id),
    user_id      UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind         TEXT NOT NULL CHECK (kind IN ('verify_email', 'reset_password')),
    email        TEXT NOT NULL,
    mailed       BOOLEAN NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL
);
CREATE INDEX account_links_user ON account_links (user_id, kind);
CREATE INDEX account_links_expiry ON account_links (expires_at);

-- Mails that wait, written in the transaction that asked for them. The link in one is made when it is sent, so that no
-- token lies here.
CREATE TABLE mails (
    id           UUID PRIMARY KEY,
    workspace_id UUID NOT NULL REFERENCES workspaces (id),
    user_id      UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind         TEXT NOT NULL CHECK (kind IN ('verify_email', 'reset_password')),
    attempts     BIGINT NOT NULL DEFAULT 0,
    created_at   BIGINT NOT NULL,
    next_at      BIGINT NOT NULL,
    UNIQUE (user_id, kind)
);
CREATE INDEX mails_due ON mails (next_at);

-- `erase_at`: its owner wants it gone then. `erased_at`: it is gone, and only stands for the sender of its messages.
ALTER TABLE users ADD COLUMN erase_at BIGINT;
ALTER TABLE users ADD COLUMN erased_at BIGINT;
CREATE INDEX users_erase ON users (erase_at) WHERE erase_at IS NOT NULL;
