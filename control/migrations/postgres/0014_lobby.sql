-- Whether those who do not moderate wait until they are let in. Who waits is known in memory alone.
ALTER TABLE rooms ADD COLUMN lobby BOOLEAN NOT NULL DEFAULT FALSE;

-- Whom a room with a lobby is open to: for as long as they are inside (NULL), and for a while after.
CREATE TABLE lobby_grants (
    workspace_id UUID NOT NULL REFERENCES workspaces (id),
    room_id      UUID NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    user_id      UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    expires_at   BIGINT,
    PRIMARY KEY (room_id, user_id)
);
CREATE INDEX lobby_grants_expiry ON lobby_grants (expires_at) WHERE expires_at IS NOT NULL;
