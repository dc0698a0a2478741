-- Ids are UUIDv7 as BLOB(16), times are milliseconds since the Unix epoch, hashes are SHA-256 of random 256-bit tokens.
-- Every table that a tenant owns has a workspace_id, so that workspaces add and do not rewrite.

CREATE TABLE settings (
    key   TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE workspaces (
    id         BLOB PRIMARY KEY,
    slug       TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
    id           BLOB PRIMARY KEY,
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    name         TEXT NOT NULL,
    key_hash     BLOB NOT NULL UNIQUE,
    created_at   INTEGER NOT NULL,
    revoked_at   INTEGER
) STRICT, WITHOUT ROWID;

-- kind 'local': has an e-mail address and a password. kind 'external': an identity that an API key vouches for.
CREATE TABLE users (
    id            BLOB PRIMARY KEY,
    workspace_id  BLOB NOT NULL REFERENCES workspaces (id),
    kind          TEXT NOT NULL CHECK (kind IN ('local', 'external')),
    email         TEXT,
    password_hash TEXT,
    api_key_id    BLOB REFERENCES api_keys (id),
    identity      TEXT,
    display_name  TEXT NOT NULL,
    role          TEXT NOT NULL CHECK (role IN ('user', 'admin', 'super_admin')),
    created_at    INTEGER NOT NULL,
    blocked_at    INTEGER,
    CHECK ((kind = 'local' AND email IS NOT NULL AND password_hash IS NOT NULL AND api_key_id IS NULL AND identity IS NULL)
        OR (kind = 'external' AND email IS NULL AND password_hash IS NULL AND api_key_id IS NOT NULL AND identity IS NOT NULL
            AND role = 'user'))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX users_email ON users (workspace_id, email) WHERE email IS NOT NULL;
CREATE UNIQUE INDEX users_identity ON users (api_key_id, identity) WHERE identity IS NOT NULL;

CREATE TABLE sessions (
    token_hash   BLOB PRIMARY KEY,
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    user_id      BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE rooms (
    id           BLOB PRIMARY KEY,
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    slug         TEXT NOT NULL,
    title        TEXT NOT NULL,
    kind         TEXT NOT NULL CHECK (kind IN ('text', 'voice', 'video')),
    capacity     INTEGER CHECK (capacity > 0),
    message_seq  INTEGER NOT NULL DEFAULT 0,
    created_at   INTEGER NOT NULL,
    UNIQUE (workspace_id, slug)
) STRICT, WITHOUT ROWID;

-- A ticket opens one socket once. With a room it opens that room only, with at most these permissions.
CREATE TABLE tickets (
    token_hash   BLOB PRIMARY KEY,
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    user_id      BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session_hash BLOB,
    room_id      BLOB REFERENCES rooms (id) ON DELETE CASCADE,
    permissions  INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tickets_expiry ON tickets (expires_at);

CREATE TABLE room_members (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    room_id      BLOB NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    user_id      BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role         TEXT NOT NULL CHECK (role IN ('listener', 'member', 'moderator', 'owner')),
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (room_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE room_bans (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    room_id      BLOB NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    user_id      BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (room_id, user_id)
) STRICT, WITHOUT ROWID;

-- What a moderator took from somebody in a room: a set of permission bits. It outlasts leaving and coming back.
CREATE TABLE room_mutes (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    room_id      BLOB NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    user_id      BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    muted        INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (room_id, user_id)
) STRICT, WITHOUT ROWID;

-- Who is in a room. One row for each (room, user). `token_permissions` is what the ticket brought along; `permissions`
-- is what the media node was told last, and counts while `admitted` is 1.
CREATE TABLE participants (
    id                BLOB PRIMARY KEY,
    workspace_id      BLOB NOT NULL REFERENCES workspaces (id),
    room_id           BLOB NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    user_id           BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_permissions INTEGER NOT NULL,
    admitted          INTEGER NOT NULL DEFAULT 0,
    permissions       INTEGER NOT NULL DEFAULT 0,
    joined_at         INTEGER NOT NULL,
    UNIQUE (room_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX participants_user ON participants (user_id);
CREATE INDEX participants_admitted ON participants (id) WHERE admitted = 1;

-- A key makes a message happen once, however often it is sent and for however long.
CREATE TABLE messages (
    id              BLOB PRIMARY KEY,
    workspace_id    BLOB NOT NULL REFERENCES workspaces (id),
    room_id         BLOB NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    seq             INTEGER NOT NULL,
    sender_id       BLOB NOT NULL REFERENCES users (id),
    sender_name     TEXT NOT NULL,
    text            TEXT NOT NULL,
    reply_to        BLOB,
    idempotency_key TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    UNIQUE (room_id, seq),
    UNIQUE (sender_id, idempotency_key)
) STRICT, WITHOUT ROWID;

-- What must be told to others, written in the transaction that made it true. The id is the order of commits, and the
-- revision of the media state. AUTOINCREMENT: an id is never given twice.
CREATE TABLE outbox (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace_id BLOB NOT NULL,
    topic        TEXT NOT NULL CHECK (topic IN ('media', 'gateway')),
    payload      TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    delivered_at INTEGER
) STRICT;
CREATE INDEX outbox_waiting ON outbox (topic, id) WHERE delivered_at IS NULL;
CREATE INDEX outbox_delivered ON outbox (delivered_at) WHERE delivered_at IS NOT NULL;

-- Who did what to whom, when and from where. No references: it outlives what it names.
CREATE TABLE audit (
    id           BLOB PRIMARY KEY,
    workspace_id BLOB NOT NULL,
    actor_kind   TEXT NOT NULL CHECK (actor_kind IN ('user', 'api_key', 'owner_link')),
    actor_id     BLOB,
    action       TEXT NOT NULL,
    target       TEXT NOT NULL,
    address      TEXT NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
