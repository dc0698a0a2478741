-- A room of two people: `direct_low` and `direct_high` are who they are, in the order of their ids, and `direct_by` is who began it.
-- That they are there makes it a direct room, whose `kind` says nothing.
ALTER TABLE rooms ADD COLUMN direct_low UUID REFERENCES users (id);
ALTER TABLE rooms ADD COLUMN direct_high UUID REFERENCES users (id);
ALTER TABLE rooms ADD COLUMN direct_by UUID REFERENCES users (id);
CREATE UNIQUE INDEX rooms_direct ON rooms (direct_low, workspace_id, direct_high) WHERE direct_low IS NOT NULL;
CREATE INDEX rooms_direct_high ON rooms (direct_high, workspace_id) WHERE direct_high IS NOT NULL;
CREATE INDEX rooms_direct_by ON rooms (direct_by, workspace_id) WHERE direct_by IS NOT NULL;

-- Whose direct messages an account refuses in a workspace.
CREATE TABLE user_blocks (
    workspace_id UUID NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    user_id      UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    blocked_id   UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, user_id, blocked_id)
);
CREATE INDEX user_blocks_user ON user_blocks (user_id);
CREATE INDEX user_blocks_blocked ON user_blocks (blocked_id);

-- Calls that ring. The row goes when the ringing ends, in the transaction that tells it and writes what was missed.
CREATE TABLE direct_calls (
    room_id      UUID PRIMARY KEY REFERENCES rooms (id) ON DELETE CASCADE,
    workspace_id UUID NOT NULL REFERENCES workspaces (id),
    id           UUID NOT NULL,
    caller_id    UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    callee_id    UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    began_at     BIGINT NOT NULL
);

-- A missed call has no message. It is there once for each call and account.
ALTER TABLE notifications ALTER COLUMN message_id DROP NOT NULL;
ALTER TABLE notifications ADD COLUMN call_id UUID;
ALTER TABLE notifications ADD COLUMN caller_id UUID REFERENCES users (id) ON DELETE CASCADE;
ALTER TABLE notifications DROP CONSTRAINT notifications_kind_check;
ALTER TABLE notifications ADD CONSTRAINT notifications_kind_check CHECK (kind IN ('mention', 'reply', 'direct', 'missed_call'));
ALTER TABLE notifications ADD CHECK ((kind = 'missed_call') = (message_id IS NULL));
ALTER TABLE notifications ADD CHECK ((kind = 'missed_call') = (call_id IS NOT NULL AND caller_id IS NOT NULL));
ALTER TABLE notifications ADD UNIQUE (user_id, call_id);
CREATE INDEX notifications_caller ON notifications (caller_id) WHERE caller_id IS NOT NULL;
