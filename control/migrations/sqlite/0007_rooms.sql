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
