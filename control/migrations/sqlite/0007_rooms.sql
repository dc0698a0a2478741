-- How a room is. Nothing of it is NULL: '' is no category, and 0 no pause between messages, or keeping them for ever.
ALTER TABLE rooms ADD COLUMN category TEXT NOT NULL DEFAULT '';
ALTER TABLE rooms ADD COLUMN position INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rooms ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rooms ADD COLUMN read_only INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rooms ADD COLUMN slow_mode_s INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rooms ADD COLUMN retention_days INTEGER NOT NULL DEFAULT 0;
CREATE INDEX rooms_order ON rooms (workspace_id, category, position, title, slug);
CREATE INDEX rooms_hidden ON rooms (id) WHERE hidden = TRUE;
CREATE INDEX rooms_retention ON rooms (id) WHERE retention_days > 0;

-- When somebody last said something in a room with slow mode.
CREATE TABLE room_sends (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    room_id      BLOB NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    user_id      BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    sent_at      INTEGER NOT NULL,
    PRIMARY KEY (room_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX room_sends_age ON room_sends (sent_at);

-- An invite lets `uses_max` people into a room, with a role there. It is worth as much as its maker still is: an account, or
-- an API key. Only the hash of its token is kept.
CREATE TABLE room_invites (
    id           BLOB PRIMARY KEY,
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    room_id      BLOB NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    token_hash   BLOB NOT NULL UNIQUE,
    role         TEXT NOT NULL CHECK (role IN ('listener', 'member', 'moderator', 'owner')),
    uses_max     INTEGER NOT NULL,
    uses         INTEGER NOT NULL DEFAULT 0 CHECK (uses <= uses_max),
    created_by   BLOB REFERENCES users (id) ON DELETE CASCADE,
    api_key_id   BLOB REFERENCES api_keys (id) ON DELETE CASCADE,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    revoked_at   INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX room_invites_room ON room_invites (room_id, id);
CREATE INDEX room_invites_expiry ON room_invites (expires_at);
