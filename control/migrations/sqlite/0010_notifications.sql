-- What an account is to see: who mentioned it, and who answered it. A row for each account and message, written in the transaction of
-- the message; it goes with the message, and after some months.
CREATE TABLE notifications (
    id           BLOB PRIMARY KEY,
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    user_id      BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind         TEXT NOT NULL CHECK (kind IN ('mention', 'reply')),
    room_id      BLOB NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    message_id   BLOB NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    created_at   INTEGER NOT NULL,
    read_at      INTEGER,
    UNIQUE (user_id, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX notifications_of ON notifications (user_id, workspace_id, id);
CREATE INDEX notifications_unread ON notifications (user_id, workspace_id) WHERE read_at IS NULL;
CREATE INDEX notifications_room ON notifications (room_id);
CREATE INDEX notifications_message ON notifications (message_id);
CREATE INDEX notifications_age ON notifications (created_at);
