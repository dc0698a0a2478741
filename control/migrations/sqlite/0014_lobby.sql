-- Whether those who do not moderate wait until they are let in. Who waits is known in memory alone.
ALTER TABLE rooms ADD COLUMN lobby INTEGER NOT NULL DEFAULT 0;

-- Whom a room with a lobby is open to: for as long as they are inside (NULL), and for a while after.
CREATE TABLE lobby_grants (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    room_id      BLOB NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    user_id      BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    expires_at   INTEGER,
    PRIMARY KEY (room_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX lobby_grants_expiry ON lobby_grants (expires_at) WHERE expires_at IS NOT NULL;
