-- Local accounts are of the server: they live in the default workspace, and may be members of others. Who is at home in a
-- workspace (its external identities; in the default one every account) has no row.
ALTER TABLE workspaces ADD COLUMN title TEXT NOT NULL DEFAULT 'Default';
-- None: the server itself.
ALTER TABLE workspaces ADD COLUMN created_by UUID;

CREATE TABLE workspace_members (
    workspace_id UUID NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    user_id      UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role         TEXT NOT NULL CHECK (role IN ('guest', 'member', 'admin', 'owner')),
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, user_id)
);
CREATE INDEX workspace_members_user ON workspace_members (user_id);

-- Features that were switched off once. Without a row a feature is on.
CREATE TABLE workspace_features (
    workspace_id UUID NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    feature      TEXT NOT NULL,
    enabled      BOOLEAN NOT NULL,
    changed_at   BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, feature)
);

CREATE INDEX participants_workspace ON participants (workspace_id);
