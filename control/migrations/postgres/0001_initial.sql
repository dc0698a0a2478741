-- Ids are UUIDv7, times are milliseconds since the Unix epoch, hashes are SHA-256 of random 256-bit tokens.
-- Every table that a tenant owns has a workspace_id, so that workspaces add and do not rewrite.

CREATE TABLE settings (
    key   TEXT PRIMARY KEY,
    value BYTEA NOT NULL
);

CREATE TABLE workspaces (
    id         UUID PRIMARY KEY,
    slug       TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

CREATE TABLE api_keys (
    id           UUID PRIMARY KEY,
    workspace_id UUID NOT NULL REFERENCES workspaces (id),
    name         TEXT NOT NULL,
    key_hash     BYTEA NOT NULL UNIQUE,
    created_at   BIGINT NOT NULL,
    revoked_at   BIGINT
);

-- kind 'local': has an e-mail address and a password. kind 'external': an identity that an API key vouches for.
CREATE TABLE users (
    id            UUID PRIMARY KEY,
    workspace_id  UUID NOT NULL REFERENCES workspaces (id),
    kind          TEXT NOT NULL CHECK (kind IN ('local', 'external')),
    email         TEXT,
    password_hash TEXT,
    api_key_id    UUID REFERENCES api_keys (id),
    identity      TEXT,
    display_name  TEXT NOT NULL,
    role          TEXT NOT NULL CHECK (role IN ('user', 'admin', 'super_admin')),
    created_at    BIGINT NOT NULL,
    blocked_at    BIGINT,
    CHECK ((kind = 'local' AND email IS NOT NULL AND password_hash IS NOT NULL AND api_key_id IS NULL AND identity IS NULL)
        OR (kind = 'external' AND email IS NULL AND password_hash IS NULL AND api_key_id IS NOT NULL AND identity IS NOT NULL
            AND role = 'user'))
);
CREATE UNIQUE INDEX users_email ON users (workspace_id, email) WHERE email IS NOT NULL;
CREATE UNIQUE INDEX users_identity ON users (api_key_id, identity) WHERE identity IS NOT NULL;

CREATE TABLE sessions (
    token_hash   BYTEA PRIMARY KEY,
    workspace_id UUID NOT NULL REFERENCES workspaces (id),
    user_id      UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE rooms (
    id           UUID PRIMARY KEY,
    workspace_id UUID NOT NULL REFERENCES workspaces (id),
    -- In the order of bytes, whatever the database sorts by: pages of a list begin where the one before ended.
    slug         TEXT COLLATE "C" NOT NULL,
    title        TEXT NOT NULL,
    kind         TEXT NOT NULL CHECK (kind IN ('text', 'voice', 'video')),
    capacity     BIGINT CHECK (capacity > 0),
    message_seq  BIGINT NOT NULL DEFAULT 0,
    created_at   BIGINT NOT NULL,
    UNIQUE (workspace_id, slug)
);

-- A ticket opens one socket once. With a room it opens that room only, with at most these permissions.
CREATE TABLE tickets (
    token_hash   BYTEA PRIMARY KEY,
    workspace_id UUID NOT NULL REFERENCES workspaces (id),
    user_id      UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session_hash BYTEA,
    room_id      UUID REFERENCES rooms (id) ON DELETE CASCADE,
    permissions  BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL
);
CREATE INDEX tickets_expiry ON tickets (expires_at);

CREATE TABLE room_members (
    workspace_id UUID NOT NULL REFERENCES workspaces (id),
    room_id      UUID NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    user_id      UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role         TEXT NOT NULL CHECK (role IN ('listener', 'member', 'moderator', 'owner')),
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (room_id, user_id)
);

CREATE TABLE room_bans (
    workspace_id UUID NOT NULL REFERENCES workspaces (id),
    room_id      UUID NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    user_id      UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (room_id, user_id)
);

-- What a moderator took from somebody in a room: a set of permission bits. It outlasts leaving and coming back.
CREATE TABLE room_mutes (
    workspace_id UUID NOT NULL REFERENCES workspaces (id),
    room_id      UUID NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    user_id      UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    muted        BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (room_id, user_id)
);

-- Who is in a room. One row for each (room, user). `token_permissions` is what the ticket brought along; `permissions`
-- is what the media node was told last, and counts while `admitted` is true.
CREATE TABLE participants (
    id                UUID PRIMARY KEY,
    workspace_id      UUID NOT NULL REFERENCES workspaces (id),
    room_id           UUID NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    user_id           UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_permissions BIGINT NOT NULL,
    admitted          BOOLEAN NOT NULL DEFAULT FALSE,
    permissions       BIGINT NOT NULL DEFAULT 0,
    joined_at         BIGINT NOT NULL,
    UNIQUE (room_id, user_id)
);
CREATE INDEX participants_user ON participants (user_id);
CREATE INDEX participants_admitted ON participants (id) WHERE admitted;

-- A key makes a message happen once, however often it is sent and for however long.
CREATE TABLE messages (
    id              UUID PRIMARY KEY,
    workspace_id    UUID NOT NULL REFERENCES workspaces (id),
    room_id         UUID NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    seq             BIGINT NOT NULL,
    sender_id       UUID NOT NULL REFERENCES users (id),
    sender_name     TEXT NOT NULL,
    text            TEXT NOT NULL,
    reply_to        UUID,
    idempotency_key TEXT NOT NULL,
    created_at      BIGINT NOT NULL,
    UNIQUE (room_id, seq),
    UNIQUE (sender_id, idempotency_key)
);

-- What must be told to others, written in the transaction that made it true. Ids of orders to the media node are taken
-- under a lock, so they are in the order of commits and are the revisions of the media state. Those of events are in the
-- order of commits within a room, whose row is locked before.
CREATE TABLE outbox (
    id           BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    workspace_id UUID NOT NULL,
    topic        TEXT NOT NULL CHECK (topic IN ('media', 'gateway')),
    payload      TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    delivered_at BIGINT
);
CREATE INDEX outbox_waiting ON outbox (topic, id) WHERE delivered_at IS NULL;
CREATE INDEX outbox_delivered ON outbox (delivered_at) WHERE delivered_at IS NOT NULL;

-- Who did what to whom, when and from where. No references: it outlives what it names.
CREATE TABLE audit (
    id           UUID PRIMARY KEY,
    workspace_id UUID NOT NULL,
    actor_kind   TEXT NOT NULL CHECK (actor_kind IN ('user', 'api_key', 'owner_link')),
    actor_id     UUID,
    action       TEXT NOT NULL,
    target       TEXT NOT NULL,
    address      TEXT NOT NULL,
    created_at   BIGINT NOT NULL
);
