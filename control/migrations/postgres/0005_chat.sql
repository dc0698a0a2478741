-- Each change of a room's chat takes the next `message_seq` of the room, under its lock. A message keeps the number that it was sent with
-- as its place (`seq`); `changed_seq` is that of its last change. What was ever changed is few: a plain send writes none of this.
-- `sent_digest` keeps what was sent once the row says something else, so that its key still knows a repetition. `mentions` and
-- `reactions` are JSON as clients see them; the tables below are what they are made of.
ALTER TABLE messages ADD COLUMN changed_seq BIGINT;
ALTER TABLE messages ADD COLUMN edited_at BIGINT;
ALTER TABLE messages ADD COLUMN deleted_at BIGINT;
ALTER TABLE messages ADD COLUMN pinned_at BIGINT;
ALTER TABLE messages ADD COLUMN mentions TEXT;
ALTER TABLE messages ADD COLUMN reactions TEXT;
ALTER TABLE messages ADD COLUMN sent_digest BYTEA;
CREATE UNIQUE INDEX messages_changed ON messages (room_id, changed_seq) WHERE changed_seq IS NOT NULL;
CREATE INDEX messages_pinned ON messages (room_id, pinned_at) WHERE pinned_at IS NOT NULL;

-- Messages of smaller places were deleted for good.
ALTER TABLE rooms ADD COLUMN history_from BIGINT NOT NULL DEFAULT 0;

-- Keys of changes, as messages keep those of sends.
CREATE TABLE chat_keys (
    workspace_id    UUID NOT NULL REFERENCES workspaces (id),
    sender_id       UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    idempotency_key TEXT NOT NULL,
    digest          BYTEA NOT NULL,
    created_at      BIGINT NOT NULL,
    PRIMARY KEY (sender_id, idempotency_key)
);
CREATE INDEX chat_keys_age ON chat_keys (created_at);

CREATE TABLE message_reactions (
    workspace_id UUID NOT NULL REFERENCES workspaces (id),
    message_id   UUID NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    user_id      UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    emoji        TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (message_id, emoji, user_id)
);

CREATE TABLE message_mentions (
    workspace_id UUID NOT NULL REFERENCES workspaces (id),
    message_id   UUID NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    user_id      UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    room_id      UUID NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    seq          BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (message_id, user_id)
);
CREATE INDEX message_mentions_user ON message_mentions (user_id, room_id, seq);

-- Up to where somebody has read a room.
CREATE TABLE room_reads (
    workspace_id UUID NOT NULL REFERENCES workspaces (id),
    room_id      UUID NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    user_id      UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    seq          BIGINT NOT NULL,
    PRIMARY KEY (room_id, user_id)
);
