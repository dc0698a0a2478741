-- A participant whose call is carried by HTTP (WHIP or WHEP) instead of a socket. The row goes with its participant: a
-- session ends with the seat, whoever ends it. `offer` is what the media node was given last, `generation` counts its
-- ICE restarts.
CREATE TABLE whip_sessions (
    token_hash     BYTEA PRIMARY KEY,
    workspace_id   UUID NOT NULL REFERENCES workspaces (id),
    participant_id UUID NOT NULL UNIQUE REFERENCES participants (id) ON DELETE CASCADE,
    kind           TEXT NOT NULL CHECK (kind IN ('whip', 'whep')),
    offer          TEXT NOT NULL,
    generation     BIGINT NOT NULL DEFAULT 1,
    created_at     BIGINT NOT NULL
);
