-- A room of two people: `direct_low` and `direct_high` are who they are, in the order of their ids, and `direct_by` is who began it.
-- That they are there makes it a direct room, whose `kind` says nothing.
ALTER TABLE rooms ADD COLUMN direct_low BLOB REFERENCES users (id);
ALTER TABLE rooms ADD COLUMN direct_high BLOB REFERENCES users (id);
ALTER TABLE rooms ADD COLUMN direct_by BLOB REFERENCES users (id);
CREATE UNIQUE INDEX rooms_direct ON rooms (direct_low, workspace_id, direct_high) WHERE direct_low IS NOT NULL;
CREATE INDEX rooms_direct_high ON rooms (direct_high, workspace_id) WHERE direct_high IS NOT NULL;
CREATE INDEX rooms_direct_by ON rooms (direct_by, workspace_id) WHERE direct_by IS NOT NULL;

-- Whose direct messages an account refuses in a workspace.
CREATE TABLE user_blocks (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    user_id      BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    blocked_id   BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, user_id, blocked_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX user_blocks_user ON user_blocks (user_id);
CREATE INDEX user_blocks_blocked ON user_blocks (blocked_id);

-- Calls that ring. The row goes when the ringing ends, in the transaction that tells it and writes what was missed.
CREATE TABLE direct_calls (
    room_id      BLOB PRIMARY KEY REFERENCES rooms (id) ON DELETE CASCADE,
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id           BLOB NOT NULL,
    caller_id    BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    callee_id    BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    began_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A missed call has no message. It is there once for each call and account.
ALTER TABLE notifications RENAME TO notifications_before;
DROP INDEX notifications_of;
DROP INDEX notifications_unread;
DROP INDEX notifications_room;
DROP INDEX notifications_message;
DROP INDEX notifications_age;
CREATE TABLE notifications (
    id           BLOB PRIMARY KEY,
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    user_id      BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind         TEXT NOT NULL CHECK (kind IN ('mention', 'reply', 'direct', 'missed_call')),
    room_id      BLOB NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    message_id   BLOB REFERENCES messages (id) ON DELETE CASCADE,
    call_id      BLOB,
    caller_id    BLOB REFERENCES users (id) ON DELETE CASCADE,
    created_at   INTEGER NOT NULL,
    read_at      INTEGER,
    UNIQUE (user_id, message_id),
    UNIQUE (user_id, call_id),
    CHECK ((kind = 'missed_call') = (message_id IS NULL)),
    CHECK ((kind = 'missed_call') = (call_id IS NOT NULL AND caller_id IS NOT NULL))
) STRICT, WITHOUT ROWID;
INSERT INTO notifications (id, workspace_id, user_id, kind, room_id, message_id, created_at, read_at)
    SELECT id, workspace_id, user_id, kind, room_id, message_id, created_at, read_at FROM notifications_before;
DROP TABLE notifications_before;
CREATE INDEX notifications_of ON notifications (user_id, workspace_id, id);
CREATE INDEX notifications_unread ON notifications (user_id, workspace_id) WHERE read_at IS NULL;
CREATE INDEX notifications_room ON notifications (room_id);
CREATE INDEX notifications_message ON notifications (message_id);
CREATE INDEX notifications_caller ON notifications (caller_id) WHERE caller_id IS NOT NULL;
CREATE INDEX notifications_age ON notifications (created_at);
