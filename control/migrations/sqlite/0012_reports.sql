-- What members told admins of their workspace. The text is kept as it was reported, whatever becomes of the message.
CREATE TABLE reports (
    id           BLOB PRIMARY KEY,
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    room_id      BLOB NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    message_id   BLOB NOT NULL,
    sender_id    BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    reporter_id  BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    text         TEXT NOT NULL,
    reason       TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    resolved_at  INTEGER,
    UNIQUE (reporter_id, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX reports_of ON reports (workspace_id, id);
CREATE INDEX reports_room ON reports (room_id);
CREATE INDEX reports_sender ON reports (sender_id);
CREATE INDEX reports_resolved ON reports (resolved_at) WHERE resolved_at IS NOT NULL;
