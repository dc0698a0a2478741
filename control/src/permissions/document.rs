//! The table as `docs/permissions.md`.

use std::fmt::Write;

use boltorezka_proto::rest::{Role, RoomRole};

use super::table::{Action, OPEN};
use super::{Rule, Scopes, Who};
use crate::store::Standing;

const HEAD: &str = "# Permissions

Who may do what. This file is written from the table in `control/src/permissions/table.rs`, which every handler and every request of a
socket asks; a test tries each cell against a running server. What has no row is not allowed.

- **banned** to **owner** are accounts with the server role `user`, by what they are in the room that the request is about: closed out of it, or
  with this room role. `member` is who has no role of its own there. Where no room is meant, they are alike.
- **admin** and **super admin** are server roles; both own every room.
- **pending**: an account that waits for an admin ([`registration_approval`](configuration.md)).
- **API key**: a server of the operator, which makes and moderates rooms as an admin does, unless it was given less.
- **join token**: its holder, in the one room that the token is for, as a `member` who was given no other role there. What the token does not grant is
  not allowed either.
- Who is not signed in may do nothing of this: `unauthenticated`.

Who does not have the right gets `forbidden`, or `banned`, or `account_pending`. Kick, ban and mute also take a target with a lower role, and never oneself. What can be sent in a
call also depends on the kind of the room and on what moderators took.

Promotion, blocks, approvals, invites, API keys, links and second factors in the hands of admins, moderation, given roles, and rooms that are made, changed or deleted are kept in the table `audit`, under these names: who, what, to whom or to what, when, from
which address.
";

/// A column: a heading, and somebody who stands for all under it.
type Column = (&'static str, Who, Standing);

fn columns() -> [Column; 10] {
    let user = Who::Account(Role::User);
    let of_role = |role| Standing::new(Role::User, Some(role), false);
    let on_server = |heading, who: Who| (heading, who, who.standing());
    [
        ("banned", user, Standing::new(Role::User, None, true)),
        ("listener", user, of_role(RoomRole::Listener)),
        ("member", user, of_role(RoomRole::Member)),
        ("moderator", user, of_role(RoomRole::Moderator)),
        ("owner", user, of_role(RoomRole::Owner)),
        on_server("admin", Who::Account(Role::Admin)),
        on_server("super admin", Who::Account(Role::SuperAdmin)),
        on_server("pending", Who::Pending),
        on_server("API key", Who::ApiKey(Scopes::ALL)),
        on_server("join token", Who::JoinToken),
    ]
}

/// The text of `docs/permissions.md`.
pub fn document() -> String {
    let mut text = HEAD.to_owned();
    let mut feature = "";
    for action in Action::ALL {
        let rule = action.rule();
        let of_action = rule.name.split('.').next().unwrap_or_default();
        if feature != of_action {
            feature = of_action;
            write_heading(&mut text, feature);
        }
        write_row(&mut text, *action, &rule);
    }
    text.push_str(
        "\n## Open\n\nThese ask for no permission, but for something else.\n\n| Request | Takes |\n|---|---|\n",
    );
    for (request, takes) in OPEN {
        line(&mut text, format_args!("| `{request}` | {takes} |"));
    }
    text
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
