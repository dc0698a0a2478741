-- Files of messages. A row's file is on the disk before the row is, and as long as it is: what deletes a row leaves its id among those whose
-- files are to be removed, in the same transaction, whatever it was that deleted it.
CREATE TABLE attachments (
    id           UUID PRIMARY KEY,
    workspace_id UUID NOT NULL REFERENCES workspaces (id),
    room_id      UUID NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    uploader_id  UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    message_id   UUID REFERENCES messages (id) ON DELETE CASCADE,
    place        BIGINT NOT NULL DEFAULT 0,
    name         TEXT NOT NULL,
    media_type   TEXT NOT NULL,
    size_bytes   BIGINT NOT NULL,
    created_at   BIGINT NOT NULL
);
CREATE INDEX attachments_room ON attachments (room_id);
CREATE INDEX attachments_uploader ON attachments (uploader_id);
CREATE INDEX attachments_message ON attachments (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX attachments_unsent ON attachments (created_at) WHERE message_id IS NULL;

CREATE TABLE attachment_files_removed (
    id UUID PRIMARY KEY
);

CREATE FUNCTION attachment_removed() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO attachment_files_removed (id) VALUES (OLD.id) ON CONFLICT (id) DO NOTHING;
    RETURN NULL;
END
$$;
CREATE TRIGGER attachment_removed AFTER DELETE ON attachments FOR EACH ROW EXECUTE FUNCTION attachment_removed();

-- As clients see them: a list in JSON.
ALTER TABLE messages ADD COLUMN attachments TEXT;
