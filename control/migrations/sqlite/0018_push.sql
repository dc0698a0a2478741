-- Browsers that an account is pushed to (RFC 8030). Each belongs to a session and goes with it. What it is sent is encrypted for
-- `p256dh` and `auth`. A browser has one endpoint, whoever uses it.
CREATE TABLE push_subscriptions (
    id           BLOB PRIMARY KEY,
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    user_id      BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session_id   BLOB NOT NULL UNIQUE REFERENCES sessions (id) ON DELETE CASCADE,
    endpoint     TEXT NOT NULL UNIQUE,
    p256dh       BLOB NOT NULL,
    auth         BLOB NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX push_subscriptions_user ON push_subscriptions (user_id);

-- That something in a room waits to be pushed, written in the transaction that made it true: one row for a browser, a room, and its
-- messages or its calls, however much comes. What is pushed is read when it is sent: the newest from `first_event_id` on. `event_id`
-- is the newest that the row was written for. Whoever tries it has it until `leased_until`.
CREATE TABLE push_deliveries (
    subscription_id BLOB NOT NULL REFERENCES push_subscriptions (id) ON DELETE CASCADE,
    room_id         BLOB NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    about           TEXT NOT NULL CHECK (about IN ('message', 'call')),
    workspace_id    BLOB NOT NULL REFERENCES workspaces (id),
    first_event_id  BLOB NOT NULL,
    event_id        BLOB NOT NULL,
    created_at      INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    attempts        INTEGER NOT NULL DEFAULT 0,
    next_attempt_at INTEGER NOT NULL,
    leased_until    INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (subscription_id, room_id, about)
) STRICT, WITHOUT ROWID;
CREATE INDEX push_deliveries_due ON push_deliveries (next_attempt_at);
CREATE INDEX push_deliveries_room ON push_deliveries (room_id);

-- When the account said that it wants none, on whatever browser.
ALTER TABLE users ADD COLUMN push_off_at INTEGER;
