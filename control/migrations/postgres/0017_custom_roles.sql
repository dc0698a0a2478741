-- Roles that a workspace makes. Permissions are kept by their names, with blanks between them: a name that a version does not know gives nothing.
CREATE TABLE custom_roles (
    id           UUID NOT NULL PRIMARY KEY,
    workspace_id UUID NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    name         TEXT NOT NULL,
    permissions  TEXT NOT NULL,
    room_role    TEXT NOT NULL CHECK (room_role IN ('listener', 'member', 'moderator', 'owner')),
    created_at   BIGINT NOT NULL,
    UNIQUE (workspace_id, name)
);

-- Who holds them beside its own role. The key is what each request and message looks up.
CREATE TABLE custom_role_members (
    workspace_id UUID NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    user_id      UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role_id      UUID NOT NULL REFERENCES custom_roles (id) ON DELETE CASCADE,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, user_id, role_id)
);
CREATE INDEX custom_role_members_user ON custom_role_members (user_id);
CREATE INDEX custom_role_members_role ON custom_role_members (role_id);
