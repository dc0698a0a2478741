-- Which messages hold which words. The index keeps no text of its own, and triggers keep it: whatever changes or deletes a message, a room
-- that is deleted with all that was said in it too, changes it in the same transaction. Each room's id is a word of its own, so that a
-- search reads the entries of one room. Entries of a room are in the order of its messages.
CREATE TABLE message_search_entries (
    id         INTEGER PRIMARY KEY,
    message_id BLOB NOT NULL UNIQUE,
    room_id    BLOB NOT NULL,
    seq        INTEGER NOT NULL
) STRICT;
CREATE INDEX message_search_places ON message_search_entries (room_id, seq);

-- Letters, digits and marks make words, in any language; case does not count.
CREATE VIRTUAL TABLE message_search USING fts5 (
    room, text, content = '', contentless_delete = 1,
    tokenize = "unicode61 remove_diacritics 0 categories 'L* N* M* Co'"
);

INSERT INTO message_search_entries (message_id, room_id, seq)
    SELECT id, room_id, seq FROM messages WHERE deleted_at IS NULL ORDER BY room_id, seq;
INSERT INTO message_search (rowid, room, text)
    SELECT e.id, lower(hex(e.room_id)), m.text FROM message_search_entries e JOIN messages m ON m.id = e.message_id ORDER BY e.id;

CREATE TRIGGER message_search_insert AFTER INSERT ON messages WHEN NEW.deleted_at IS NULL BEGIN
    INSERT INTO message_search_entries (message_id, room_id, seq) VALUES (NEW.id, NEW.room_id, NEW.seq);
    INSERT INTO message_search (rowid, room, text)
        SELECT id, lower(hex(room_id)), NEW.text FROM message_search_entries WHERE message_id = NEW.id;
END;

CREATE TRIGGER message_search_update AFTER UPDATE OF text, deleted_at ON messages BEGIN
    DELETE FROM message_search WHERE rowid = (SELECT id FROM message_search_entries WHERE message_id = OLD.id);
    DELETE FROM message_search_entries WHERE message_id = OLD.id AND NEW.deleted_at IS NOT NULL;
    INSERT INTO message_search (rowid, room, text)
        SELECT id, lower(hex(room_id)), NEW.text FROM message_search_entries WHERE message_id = NEW.id;
END;

CREATE TRIGGER message_search_delete AFTER DELETE ON messages BEGIN
    DELETE FROM message_search WHERE rowid = (SELECT id FROM message_search_entries WHERE message_id = OLD.id);
    DELETE FROM message_search_entries WHERE message_id = OLD.id;
END;
