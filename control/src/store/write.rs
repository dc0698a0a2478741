//! How writes get on with each other where several run at once.
//!
//! SQLite has one writer, and every transaction sees all that was committed before it. PostgreSQL runs many: a
//! transaction locks what its decision rests on before it reads it, and one that lost a race all the same is run again.

use boltorezka_proto::{CustomRoleId, ParticipantId, RoomId, UserId, WorkspaceId};
use uuid::Uuid;

use super::StoreError;

/// What a transaction holds until its end. Locks are taken in this order, so that nobody waits in a circle; where a
/// statement cannot keep to it (a deleted room takes its participants along), the database ends one of the two, which
/// is run again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lock {
    /// An API key stays in force, or stays revoked.
    ApiKey(Uuid),
    /// The custom roles of a workspace and who holds them.
    CustomRoles(WorkspaceId),
    /// What an account is on the server and in workspaces changes: nobody else holds it in any way.
    Account(UserId),
    /// The same of all who hold a custom role.
    Holders(CustomRoleId),
    /// An account's roles and state stay as they are. Others may hold it too.
    User(UserId),
    /// Who is what in a room, its seats and its number of messages.
    Room(RoomId),
    /// One stay.
    Participant(ParticipantId),
    /// Every stay of a user, in one room or everywhere: what its rights are, and what the node was told of them.
    ParticipantsOf(UserId, Option<RoomId>),
    /// Every stay in a workspace.
    ParticipantsIn(WorkspaceId),
    /// How many are in calls on the whole server.
    SeatsInCalls,
    /// The order of commits among orders to the media node.
    Orders,
}

/// A write is tried so often. Each lost race means that another write got through.
const ATTEMPTS_MAX: u32 = 8;

/// Runs a transaction, and runs it again when it lost a race.
///
/// # Errors
/// Those of the attempt.
pub async fn retried<T, F>(mut attempt: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut attempts = 1;
    loop {
        match attempt().await {
            Err(error) if error.is_lost_race() && attempts < ATTEMPTS_MAX => {
                tracing::debug!(%error, attempts, "a write lost a race and is run again");
                attempts += 1;
            }
            outcome => return outcome,
        }
    }
}
