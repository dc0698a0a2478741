//! The table as `docs/permissions.md`.

use std::fmt::Write;

use boltorezka_proto::rest::{Role, RoomRole};
use boltorezka_proto::workspaces::WorkspaceRole;

use super::grants::{GRANTABLE, Grants};
use super::table::{Action, OPEN};
use super::{Rule, Scopes, Who};
use crate::features::Features;
use crate::store::Standing;

const HEAD: &str = "# Permissions

Who may do what. This file is written from the table in `control/src/permissions/table.rs`, which every handler and every request of a
socket asks; a test tries each cell against a running server. What has no row is not allowed.

- **banned** to **owner** are accounts with the server role `user`, by what they are in the room that the request is about: closed out of it, or
  with this room role. `member` is who has no role of its own there. Where no room is meant, they are alike.
- **guest**, **workspace admin** and **workspace owner** are such accounts by their role in the room's workspace. A guest without a role in the room is
  a `listener` there; the other two own every room of the workspace. Nobody gives more than they have, and admins of a workspace have to do with those
  below them only, owners with all.
- **custom role** is a `member` of the workspace that holds a [custom role](#custom-roles) with all that one can give, and is a `moderator` in every room by it.
- **admin** and **super admin** are server roles. In the default workspace they are its admin and its owner, in all others its owner.
- **pending**: an account that waits for an admin ([`registration_approval`](configuration.md)), whatever it is in a workspace.
- **API key**: a server of the operator, which makes and moderates rooms of its workspace as an admin of it does, unless it was given less.
- **join token**: its holder, in the one room that the token is for, as a `member` who was given no other role there. What the token does not grant is
  not allowed either.
- Who is not signed in may do nothing of this: `unauthenticated`.

Who does not have the right gets `forbidden`, or `banned`, or `account_pending`, and `lobby` in a room where it has to wait until it is let in. Kick, ban, mute and the deletion of another's message also take a target with a lower role, and never oneself. What can be sent in a
call also depends on the kind of the room and on what moderators took.

Promotion, blocks, approvals, invites, API keys, links and second factors in the hands of admins, identities of a provider that are linked and unlinked, passkeys that are added and removed, moderation, given roles, custom roles, switched features, and rooms and workspaces that are made, changed or deleted are kept in the table `audit`, under these names: who, what, to whom or to what, when, from
which address.
";

const CUSTOM_ROLES: &str = "
## Custom roles

A workspace makes roles of its own, which members hold beside their role in it, guests too. A custom role has a name, some of the permissions in the list below, and a role that its holders have at least in every room that they see:
`member` to take part, `moderator` to moderate, `owner` to manage, or `listener`, which gives nothing. What somebody may do is the union of all that it holds.

- Admins of the workspace make, change, delete, give and take them; nobody gives what they do not hold themselves, and admins give to and take from those below them only.
- A permission lets do something; it is no rank. Whom one may moderate is decided by the roles in the room, so that kick, ban and mute reach members only with `moderator`. Who was let give roles in the workspace gives no more than its own.
- A custom role opens no hidden room, no direct one, and no lobby but by `rooms.lobby.pass`. A ban, a block, a mute, a feature that is switched off, and an account that waits for an admin count more.
- Not given are: what belongs to owners of the workspace, to accounts and to admins of the server; the handling of roles, in the workspace and in rooms; and webhooks, which go on telling when their maker has lost the role.
- What is taken away is gone at the commit, from requests, sockets and running calls. So is what leaves with a member.

";

/// A column: a heading, and somebody who stands for all under it.
type Column = (&'static str, Who, Standing);

fn columns() -> [Column; 14] {
    let all_that_is_given = Grants::new(&GRANTABLE, RoomRole::Moderator);
    let user = Who::Account(Role::User, WorkspaceRole::Member, Grants::NONE);
    let of_role = |role| Standing::new(Role::User, WorkspaceRole::Member, Some(role), false);
    let on_server = |heading, who: Who| (heading, who, who.standing());
    let in_workspace = |heading, role| on_server(heading, Who::Account(Role::User, role, Grants::NONE));
    [
        ("banned", user, Standing::new(Role::User, WorkspaceRole::Member, None, true)),
        ("listener", user, of_role(RoomRole::Listener)),
        ("member", user, of_role(RoomRole::Member)),
        ("moderator", user, of_role(RoomRole::Moderator)),
        ("owner", user, of_role(RoomRole::Owner)),
        in_workspace("guest", WorkspaceRole::Guest),
        in_workspace("workspace admin", WorkspaceRole::Admin),
        in_workspace("workspace owner", WorkspaceRole::Owner),
        on_server("custom role", Who::Account(Role::User, WorkspaceRole::Member, all_that_is_given)),
        on_server("admin", Who::Account(Role::Admin, WorkspaceRole::Admin, Grants::NONE)),
        on_server("super admin", Who::Account(Role::SuperAdmin, WorkspaceRole::Owner, Grants::NONE)),
        on_server("pending", Who::Pending),
        on_server("API key", Who::ApiKey(Scopes::ALL)),
        on_server("join token", Who::JoinToken),
    ]
}

/// The text of `docs/permissions.md`.
pub fn document() -> String {
    let mut text = HEAD.to_owned();
    for feature in Features::default().all() {
        let actions = feature.permissions();
        if !actions.is_empty() {
            write_heading(&mut text, feature.name());
        }
        for action in actions {
            write_row(&mut text, action, &action.rule());
        }
    }
    write_grantable(&mut text);
    text.push_str(
        "\n## Open\n\nThese ask for no permission, but for something else.\n\n| Request | Takes |\n|---|---|\n",
    );
    for (request, takes) in OPEN {
        line(&mut text, format_args!("| `{request}` | {takes} |"));
    }
    text
}

fn write_grantable(text: &mut String) {
    text.push_str(CUSTOM_ROLES);
    for action in GRANTABLE {
        line(text, format_args!("- `{}`: {}", action.name(), action.about()));
    }
}

fn write_heading(text: &mut String, feature: &str) {
    let columns = columns();
    let headings: Vec<&str> = columns.iter().map(|(heading, ..)| *heading).collect();
    line(text, format_args!("\n## {feature}\n"));
    line(text, format_args!("| Permission | What | Request | {} |", headings.join(" | ")));
    line(text, format_args!("|---|---|---|{}", ":-:|".repeat(columns.len())));
}

fn write_row(text: &mut String, action: Action, rule: &Rule) {
    let requests: Vec<String> = rule.requests.iter().map(|request| format!("`{request}`")).collect();
    let cells = columns().map(|(_, who, standing)| match action.check(who, Some(standing)) {
        Ok(()) => "yes",
        Err(_) => "-",
    });
    let about = rule.about.trim();
    line(text, format_args!("| `{}` | {about} | {} | {} |", rule.name, requests.join(", "), cells.join(" | ")));
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // A string takes everything.
    let _ = writeln!(text, "{line}");
}
