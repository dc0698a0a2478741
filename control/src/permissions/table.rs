//! Every action and who may do it: the one place. What is not named here is not allowed.

use boltorezka_proto::rest::{Role, RoomRole};
use boltorezka_proto::workspaces::WorkspaceRole;

use super::{Kind, Needs, Rule};
use Kind::{Account, ApiKey, JoinToken, Pending};
use Needs::{EvenBanned, Room, Server, Workspace};

macro_rules! actions {
    ($($(#[doc = $about:literal])+ $action:ident = $name:literal, [$($request:literal),*], $needs:expr, [$($kind:ident),*];)*) => {
        /// Something that somebody may do.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Action {
            $($(#[doc = $about])+ $action,)*
        }

        impl Action {
            /// Every action.
            pub const ALL: &'static [Self] = &[$(Self::$action,)*];

            /// Its row.
            pub(super) fn rule(self) -> Rule {
                match self {
                    $(Self::$action => Rule {
                        name: $name,
                        about: concat!($($about),+),
                        requests: &[$($request),*],
                        needs: $needs,
                        callers: &[$($kind),*],
                    },)*
                }
            }
        }
    };
}

// The first word of a name is the feature, as `docs/openapi.json` tags it; names are those of the audit.
actions! {
    /// See one's own account.
    ReadMe = "accounts.user.read", ["GET /v1/auth/me"], Server(Role::User), [Account, Pending];
    /// See all that is kept of one's account.
    ExportMe = "accounts.user.export", ["GET /v1/auth/me/export"], Server(Role::User), [Account, Pending];
    /// Have one's account erased.
    DeleteMe = "accounts.user.delete", ["DELETE /v1/auth/me"], Server(Role::User), [Account, Pending];
    /// See where one is signed in.
    ListSessions = "accounts.session.list", ["GET /v1/auth/sessions"], Server(Role::User), [Account, Pending];
    /// End one's own session.
    DeleteSession = "accounts.session.delete", ["DELETE /v1/auth/sessions/{sessionId}"],
        Server(Role::User), [Account, Pending];
    /// End one's other sessions.
    DeleteOtherSessions = "accounts.session.delete_others", ["DELETE /v1/auth/sessions"],
        Server(Role::User), [Account, Pending];
    /// Change one's password.
    ChangePassword = "accounts.password.change", ["POST /v1/auth/password"], Server(Role::User), [Account, Pending];
    /// Have a link sent that verifies one's address.
    SendVerification = "accounts.email.send", ["POST /v1/auth/email-verification"],
        Server(Role::User), [Account, Pending];
    /// Verify one's address by a link.
    VerifyEmail = "accounts.email.verify", ["POST /v1/auth/email-verification/confirm"],
        Server(Role::User), [Account, Pending];
    /// Begin to set a second factor up.
    EnrolSecondFactor = "accounts.second_factor.enrol", ["POST /v1/auth/second-factor"],
        Server(Role::User), [Account, Pending];
    /// Make it count.
    ConfirmSecondFactor = "accounts.second_factor.confirm", ["POST /v1/auth/second-factor/confirm"],
        Server(Role::User), [Account, Pending];
    /// Take one's second factor away.
    DisableSecondFactor = "accounts.second_factor.disable", ["POST /v1/auth/second-factor/disable"],
        Server(Role::User), [Account, Pending];
    /// See the identity of a provider that signs in to one's account.
    ReadOidcLink = "accounts.oidc.read", ["GET /v1/auth/oidc/link"], Server(Role::User), [Account, Pending];
    /// Have an identity of the provider sign in to one's account.
    LinkOidc = "accounts.oidc.link", ["POST /v1/auth/oidc/link"], Server(Role::User), [Account, Pending];
    /// Take that back.
    UnlinkOidc = "accounts.oidc.unlink", ["DELETE /v1/auth/oidc/link"], Server(Role::User), [Account, Pending];
    /// See the passkeys of one's account.
    ListPasskeys = "accounts.passkey.list", ["GET /v1/auth/passkeys"], Server(Role::User), [Account, Pending];
    /// Have a passkey sign in to one's account.
    AddPasskey = "accounts.passkey.add", ["POST /v1/auth/passkeys/begin", "POST /v1/auth/passkeys"],
        Server(Role::User), [Account, Pending];
    /// Give a passkey of one's account another name.
    RenamePasskey = "accounts.passkey.rename", ["PATCH /v1/auth/passkeys/{passkeyId}"],
        Server(Role::User), [Account, Pending];
    /// Take a passkey away from one's account.
    RemovePasskey = "accounts.passkey.remove", ["DELETE /v1/auth/passkeys/{passkeyId}"],
        Server(Role::User), [Account, Pending];
    /// Get a ticket, which opens a socket.
    CreateTicket = "accounts.ticket.create", ["POST /v1/auth/ws-ticket"],
        Workspace(WorkspaceRole::Guest), [Account, JoinToken];
    /// Vouch for an identity of one's own in a room.
    CreateJoinToken = "accounts.join_token.create", ["POST /v1/join-tokens"], Server(Role::User), [ApiKey];

    /// See whether and which browsers one is pushed to.
    ReadPush = "push.settings.read", ["GET /v1/push"], Server(Role::User), [Account];
    /// Say whether one wants to be pushed to.
    UpdatePush = "push.settings.update", ["PATCH /v1/push"], Server(Role::User), [Account];
    /// Have a browser pushed to.
    SubscribePush = "push.subscription.add", ["POST /v1/push/subscriptions"], Server(Role::User), [Account];
    /// Have a browser pushed to no more.
    UnsubscribePush = "push.subscription.remove", ["DELETE /v1/push/subscriptions/{subscriptionId}"],
        Server(Role::User), [Account];

    /// Make a workspace.
    CreateWorkspace = "workspaces.workspace.create", ["POST /v1/workspaces"], Server(Role::Admin), [Account];
    /// List those that one is in; admins of the server list all.
    ListWorkspaces = "workspaces.workspace.list", ["GET /v1/workspaces"], Server(Role::User), [Account];
    /// See a workspace.
    ReadWorkspace = "workspaces.workspace.read", ["GET /v1/workspaces/{workspace}"],
        Workspace(WorkspaceRole::Guest), [Account, ApiKey];
    /// Change a workspace.
    UpdateWorkspace = "workspaces.workspace.update", ["PATCH /v1/workspaces/{workspace}"],
        Workspace(WorkspaceRole::Admin), [Account];
    /// Delete a workspace with all that is in it. The default one stays.
    DeleteWorkspace = "workspaces.workspace.delete", ["DELETE /v1/workspaces/{workspace}"],
        Workspace(WorkspaceRole::Owner), [Account];
    /// List its members.
    ListWorkspaceMembers = "workspaces.member.list", ["GET /v1/workspaces/{workspace}/members"],
        Workspace(WorkspaceRole::Admin), [Account];
    /// Take somebody in, or give another role.
    SetWorkspaceMember = "workspaces.member.set", ["PUT /v1/workspaces/{workspace}/members/{userId}"],
        Workspace(WorkspaceRole::Admin), [Account];
    /// Send somebody away.
    DeleteWorkspaceMember = "workspaces.member.delete", ["DELETE /v1/workspaces/{workspace}/members/{userId}"],
        Workspace(WorkspaceRole::Admin), [Account];
    /// Go oneself. In the default workspace everybody stays.
    LeaveWorkspace = "workspaces.member.leave", ["DELETE /v1/workspaces/{workspace}/members/{userId}"],
        Workspace(WorkspaceRole::Guest), [Account];
    /// See its custom roles, and what they can give.
    ListRoles = "workspaces.role.list",
        ["GET /v1/workspaces/{workspace}/roles", "GET /v1/workspaces/{workspace}/permissions"],
        Workspace(WorkspaceRole::Admin), [Account];
    /// Make a custom role, which gives no more than one has.
    CreateRole = "workspaces.role.create", ["POST /v1/workspaces/{workspace}/roles"],
        Workspace(WorkspaceRole::Admin), [Account];
    /// Change a custom role.
    UpdateRole = "workspaces.role.update", ["PATCH /v1/workspaces/{workspace}/roles/{roleId}"],
        Workspace(WorkspaceRole::Admin), [Account];
    /// Delete a custom role, whoever holds it.
    DeleteRole = "workspaces.role.delete", ["DELETE /v1/workspaces/{workspace}/roles/{roleId}"],
        Workspace(WorkspaceRole::Admin), [Account];
    /// Give somebody a custom role.
    AssignRole = "workspaces.role.assign", ["PUT /v1/workspaces/{workspace}/members/{userId}/roles/{roleId}"],
        Workspace(WorkspaceRole::Admin), [Account];
    /// Take a custom role from somebody.
    UnassignRole = "workspaces.role.unassign", ["DELETE /v1/workspaces/{workspace}/members/{userId}/roles/{roleId}"],
        Workspace(WorkspaceRole::Admin), [Account];
    /// See which features are on.
    ListFeatures = "workspaces.feature.list", ["GET /v1/workspaces/{workspace}/features"],
        Workspace(WorkspaceRole::Guest), [Account, ApiKey];
    /// Switch a feature off or on.
    SetFeature = "workspaces.feature.set", ["PUT /v1/workspaces/{workspace}/features/{feature}"],
        Workspace(WorkspaceRole::Admin), [Account, ApiKey];

    /// List the rooms.
    ListRooms = "rooms.room.list", ["GET /v1/rooms"], Workspace(WorkspaceRole::Guest), [Account, ApiKey];
    /// Make a room.
    CreateRoom = "rooms.room.create", ["POST /v1/rooms"], Workspace(WorkspaceRole::Admin), [Account, ApiKey];
    /// See a room.
    ReadRoom = "rooms.room.read", ["GET /v1/rooms/{slug}"], EvenBanned(RoomRole::Listener), [Account, ApiKey];
    /// Change a room.
    UpdateRoom = "rooms.room.update", ["PATCH /v1/rooms/{slug}"], Room(RoomRole::Owner), [Account, ApiKey];
    /// Delete a room.
    DeleteRoom = "rooms.room.delete", ["DELETE /v1/rooms/{slug}"], Room(RoomRole::Owner), [Account, ApiKey];
    /// Enter a room.
    JoinRoom = "rooms.room.join", ["socket room.join"], Room(RoomRole::Listener), [Account, JoinToken];
    /// Leave a room.
    LeaveRoom = "rooms.room.leave", ["socket room.leave"], Room(RoomRole::Listener), [Account, JoinToken];
    /// List those with a role of their own.
    ListMembers = "rooms.member.list", ["GET /v1/rooms/{slug}/members"],
        Room(RoomRole::Listener), [Account, ApiKey];
    /// Give a role.
    SetMember = "rooms.member.set", ["PUT /v1/rooms/{slug}/members/{userId}"],
        Room(RoomRole::Owner), [Account, ApiKey];
    /// Take a role back.
    DeleteMember = "rooms.member.delete", ["DELETE /v1/rooms/{slug}/members/{userId}"],
        Room(RoomRole::Owner), [Account, ApiKey];
    /// List who is inside.
    ListParticipants = "rooms.participant.list", ["GET /v1/rooms/{slug}/participants"],
        Room(RoomRole::Listener), [Account, ApiKey];
    /// Send somebody out.
    Kick = "rooms.participant.kick", ["POST /v1/rooms/{slug}/participants/{participantId}/kick"],
        Room(RoomRole::Moderator), [Account, ApiKey];
    /// Send somebody out for good.
    Ban = "rooms.participant.ban", [
        "POST /v1/rooms/{slug}/participants/{participantId}/ban", "PUT /v1/rooms/{slug}/bans/{userId}"
    ],
        Room(RoomRole::Moderator), [Account, ApiKey];
    /// Move somebody to another room, which it takes there too.
    Move = "rooms.participant.move", ["POST /v1/rooms/{slug}/participants/{participantId}/move"],
        Room(RoomRole::Moderator), [Account, ApiKey];
    /// List those who were sent out for good.
    ListBans = "rooms.ban.list", ["GET /v1/rooms/{slug}/bans"], Room(RoomRole::Moderator), [Account, ApiKey];
    /// Let somebody with a lower role come back.
    LiftBan = "rooms.ban.lift", ["DELETE /v1/rooms/{slug}/bans/{userId}"],
        Room(RoomRole::Moderator), [Account, ApiKey];
    /// List the invites.
    ListRoomInvites = "rooms.invite.list", ["GET /v1/rooms/{slug}/invites"], Room(RoomRole::Moderator), [Account, ApiKey];
    /// Invite somebody, with a role that is not above one's own.
    CreateRoomInvite = "rooms.invite.create", ["POST /v1/rooms/{slug}/invites"],
        Room(RoomRole::Moderator), [Account, ApiKey];
    /// Take an invite back.
    RevokeRoomInvite = "rooms.invite.revoke", ["DELETE /v1/rooms/{slug}/invites/{inviteId}"],
        Room(RoomRole::Moderator), [Account, ApiKey];
    /// Come in by an invite.
    RedeemRoomInvite = "rooms.invite.redeem", ["POST /v1/room-invites/redeem"], Server(Role::User), [Account];
    /// Come into a room with a lobby without waiting.
    PassLobby = "rooms.lobby.pass", ["socket room.join"], Room(RoomRole::Moderator), [Account, JoinToken];
    /// List those who wait in the lobby.
    ListWaiting = "rooms.lobby.list", ["GET /v1/rooms/{slug}/lobby"], Room(RoomRole::Moderator), [Account, ApiKey];
    /// Let somebody in who waits, or all.
    AdmitWaiting = "rooms.lobby.admit",
        ["POST /v1/rooms/{slug}/lobby/{userId}/admit", "POST /v1/rooms/{slug}/lobby/admit"],
        Room(RoomRole::Moderator), [Account, ApiKey];
    /// Send somebody away who waits.
    RefuseWaiting = "rooms.lobby.refuse", ["POST /v1/rooms/{slug}/lobby/{userId}/refuse"],
        Room(RoomRole::Moderator), [Account, ApiKey];
    /// Take somebody's right to publish a source.
    Mute = "rooms.participant.mute", ["POST /v1/rooms/{slug}/participants/{participantId}/mute"],
        Room(RoomRole::Moderator), [Account, ApiKey];
    /// Give it back: `{"muted": false}`.
    Unmute = "rooms.participant.unmute", ["POST /v1/rooms/{slug}/participants/{participantId}/mute"],
        Room(RoomRole::Moderator), [Account, ApiKey];

    /// Read what was said.
    ListMessages = "chat.message.list", ["GET /v1/rooms/{slug}/messages"],
        Room(RoomRole::Listener), [Account, ApiKey];
    /// Look for messages.
    SearchMessages = "chat.message.search", ["GET /v1/rooms/{slug}/messages/search"],
        Room(RoomRole::Listener), [Account, ApiKey];
    /// Upload a file, to send it.
    UploadAttachment = "chat.attachment.upload", ["POST /v1/rooms/{slug}/attachments"],
        Room(RoomRole::Member), [Account];
    /// Fetch a file that was sent.
    ReadAttachment = "chat.attachment.read", ["GET /v1/attachments/{attachmentId}"],
        Room(RoomRole::Listener), [Account, ApiKey];
    /// See who mentioned, answered, wrote to or called one.
    ListNotifications = "chat.notification.list", ["GET /v1/notifications"],
        Workspace(WorkspaceRole::Guest), [Account];
    /// Mark that as read.
    ReadNotifications = "chat.notification.read", ["POST /v1/notifications/read"],
        Workspace(WorkspaceRole::Guest), [Account];
    /// List one's direct rooms.
    ListDirectRooms = "chat.direct.list", ["GET /v1/direct"], Workspace(WorkspaceRole::Guest), [Account];
    /// Write to somebody alone for the first time. Guests answer.
    BeginDirectRoom = "chat.direct.begin", ["POST /v1/direct"], Workspace(WorkspaceRole::Member), [Account];
    /// See whose direct messages one refuses.
    ListBlocks = "chat.block.list", ["GET /v1/blocks"], Workspace(WorkspaceRole::Guest), [Account];
    /// Refuse somebody's direct messages and calls.
    SetBlock = "chat.block.set", ["PUT /v1/blocks/{userId}"], Workspace(WorkspaceRole::Guest), [Account];
    /// Take that back.
    DeleteBlock = "chat.block.delete", ["DELETE /v1/blocks/{userId}"], Workspace(WorkspaceRole::Guest), [Account];
    /// Report a message to the admins of the workspace.
    ReportMessage = "chat.message.report", ["POST /v1/rooms/{slug}/messages/{messageId}/report"],
        Room(RoomRole::Listener), [Account];
    /// See what was reported.
    ListReports = "chat.report.list", ["GET /v1/reports"], Workspace(WorkspaceRole::Admin), [Account, ApiKey];
    /// Be done with a report.
    ResolveReport = "chat.report.resolve", ["POST /v1/reports/{reportId}/resolve"],
        Workspace(WorkspaceRole::Admin), [Account, ApiKey];
    /// See what is pinned.
    ListPins = "chat.pin.list", ["GET /v1/rooms/{slug}/pins"], Room(RoomRole::Listener), [Account, ApiKey];
    /// Ask for what changed since.
    SyncChat = "chat.message.sync", ["socket sync.resume"], Room(RoomRole::Listener), [Account, JoinToken];
    /// Say up to where one has read.
    MarkRead = "chat.pointer.move", ["socket message.read"], Room(RoomRole::Listener), [Account, JoinToken];
    /// Let others know that one is writing.
    TellTyping = "chat.typing.tell", ["socket typing"], Room(RoomRole::Member), [Account, JoinToken];
    /// Say something.
    SendMessage = "chat.message.send", ["socket message.send"], Room(RoomRole::Member), [Account, JoinToken];
    /// Say something, or change it, where only moderators do, and without the pause of slow mode.
    SendUnrestrained = "chat.message.send_unrestrained", ["socket message.send"],
        Room(RoomRole::Moderator), [Account, JoinToken];
    /// Change the text of one's own message.
    EditMessage = "chat.message.edit", ["socket message.edit"], Room(RoomRole::Member), [Account, JoinToken];
    /// Delete one's own message.
    DeleteMessage = "chat.message.delete", ["socket message.delete"], Room(RoomRole::Member), [Account, JoinToken];
    /// Delete the message of somebody with a lower role.
    ModerateMessage = "chat.message.moderate", ["socket message.delete"],
        Room(RoomRole::Moderator), [Account, JoinToken];
    /// React to a message.
    React = "chat.reaction.set", ["socket message.react"], Room(RoomRole::Member), [Account, JoinToken];
    /// Pin a message.
    PinMessage = "chat.pin.set", ["socket message.pin"], Room(RoomRole::Moderator), [Account, JoinToken];

    /// Join the call of a room.
    JoinCall = "calls.call.join", ["socket call.offer", "socket call.ice"],
        Room(RoomRole::Listener), [Account, JoinToken];
    /// Decline a call in a direct room, which rings.
    DeclineCall = "calls.call.decline", ["POST /v1/rooms/{slug}/call/decline"], Room(RoomRole::Listener), [Account];
    /// Leave the call.
    LeaveCall = "calls.call.leave", ["socket call.leave"], Room(RoomRole::Listener), [Account, JoinToken];
    /// Receive tracks and data.
    Subscribe = "calls.media.receive", ["in a call"], Room(RoomRole::Listener), [Account, JoinToken];
    /// Speak.
    PublishMicrophone = "calls.microphone.publish", ["in a call"], Room(RoomRole::Member), [Account, JoinToken];
    /// Send data messages.
    SendData = "calls.data.send", ["in a call"], Room(RoomRole::Member), [Account, JoinToken];

    /// Show a camera.
    PublishCamera = "video.camera.publish", ["in a call"], Room(RoomRole::Member), [Account, JoinToken];
    /// Share a screen and its sound.
    PublishScreen = "screen.track.publish", ["in a call"], Room(RoomRole::Member), [Account, JoinToken];

    /// Tell what happened to one's own client.
    SendTelemetry = "telemetry.event.send", ["POST /v1/telemetry"], Server(Role::User), [Account, JoinToken];

    /// See who is told of events.
    ListWebhooks = "webhooks.webhook.list", ["GET /v1/webhooks"], Workspace(WorkspaceRole::Admin), [Account, ApiKey];
    /// Have somebody told.
    CreateWebhook = "webhooks.webhook.create", ["POST /v1/webhooks"], Workspace(WorkspaceRole::Admin), [Account, ApiKey];
    /// Have somebody told no more.
    DeleteWebhook = "webhooks.webhook.delete", ["DELETE /v1/webhooks/{webhookId}"],
        Workspace(WorkspaceRole::Admin), [Account, ApiKey];
    /// Tell again what did not get through.
    ReplayWebhook = "webhooks.webhook.replay", ["POST /v1/webhooks/{webhookId}/replay"],
        Workspace(WorkspaceRole::Admin), [Account, ApiKey];
    /// See what did not get through.
    ListDeliveries = "webhooks.delivery.list", ["GET /v1/webhooks/{webhookId}/deliveries"],
        Workspace(WorkspaceRole::Admin), [Account, ApiKey];

    /// Publish or play without a socket. It also takes `rooms.room.join`.
    OpenSession = "whip.session.open", ["POST /v1/whip/{room}", "POST /v1/whep/{room}"],
        Server(Role::User), [JoinToken];
    /// Change one's own session.
    ChangeSession = "whip.session.change", ["PATCH /v1/whip/{room}/{session}", "PATCH /v1/whep/{room}/{session}"],
        Server(Role::User), [JoinToken];
    /// End one's own session.
    EndSession = "whip.session.end", ["DELETE /v1/whip/{room}/{session}", "DELETE /v1/whep/{room}/{session}"],
        Server(Role::User), [JoinToken];

    /// List the accounts.
    ListUsers = "admin.user.list", ["GET /v1/admin/users"], Server(Role::Admin), [Account];
    /// Make an account an admin's.
    Promote = "admin.user.promote", ["POST /v1/admin/users/{userId}/promote"], Server(Role::SuperAdmin), [Account];
    /// Close the server to an account with a lower role.
    BlockUser = "admin.user.block", ["POST /v1/admin/users/{userId}/block"], Server(Role::Admin), [Account];
    /// Take that back.
    UnblockUser = "admin.user.unblock", ["POST /v1/admin/users/{userId}/unblock"], Server(Role::Admin), [Account];
    /// Let an account in that waits.
    ApproveUser = "admin.user.approve", ["POST /v1/admin/users/{userId}/approve"], Server(Role::Admin), [Account];
    /// Hand out a link for another password, or to verify an address, to an account with a lower role.
    CreateLink = "admin.link.create", ["POST /v1/admin/users/{userId}/links"], Server(Role::Admin), [Account];
    /// Take the second factor away from an account with a lower role, whose owner has lost it.
    DeleteSecondFactor = "admin.second_factor.delete", ["DELETE /v1/admin/users/{userId}/second-factor"],
        Server(Role::Admin), [Account];
    /// List the invites.
    ListInvites = "admin.invite.list", ["GET /v1/admin/invites"], Server(Role::Admin), [Account];
    /// Invite somebody to make an account.
    CreateInvite = "admin.invite.create", ["POST /v1/admin/invites"], Server(Role::Admin), [Account];
    /// Take an invite back.
    RevokeInvite = "admin.invite.revoke", ["DELETE /v1/admin/invites/{inviteId}"], Server(Role::Admin), [Account];
    /// List the API keys.
    ListApiKeys = "admin.api_key.list", ["GET /v1/admin/api-keys"], Server(Role::SuperAdmin), [Account];
    /// Make an API key.
    CreateApiKey = "admin.api_key.create", ["POST /v1/admin/api-keys"], Server(Role::SuperAdmin), [Account];
    /// Revoke an API key.
    RevokeApiKey = "admin.api_key.revoke", ["DELETE /v1/admin/api-keys/{apiKeyId}"],
        Server(Role::SuperAdmin), [Account];
    /// See who did what, in every workspace.
    ReadAuditLog = "admin.audit.list", ["GET /v1/admin/audit-log"], Server(Role::Admin), [Account];
    /// See the rooms of every workspace.
    ListAllRooms = "admin.room.list", ["GET /v1/admin/rooms"], Server(Role::Admin), [Account];
    /// See who is in rooms, in every workspace, and how their connections do.
    ListAllParticipants = "admin.participant.list", ["GET /v1/admin/participants"], Server(Role::Admin), [Account];
    /// See what was committed and is not told yet.
    ListOutbox = "admin.outbox.list", ["GET /v1/admin/outbox"], Server(Role::Admin), [Account];
    /// See what webhooks of every workspace could not be told.
    ListDeadLetters = "admin.dead_letter.list", ["GET /v1/admin/outbox/dead-letters"], Server(Role::Admin), [Account];
    /// See the settings in force, without secrets.
    ListSettings = "admin.setting.list", ["GET /v1/admin/settings"], Server(Role::Admin), [Account];
    /// See how each feature of the server does.
    ReadFeatures = "admin.feature.read", ["GET /v1/admin/features"], Server(Role::Admin), [Account];
    /// See how the media node does.
    ReadMedia = "admin.media.read", ["GET /v1/admin/media"], Server(Role::Admin), [Account];
    /// See what it does with each connection.
    InspectMedia = "admin.media.inspect", ["GET /v1/admin/media/inspection"], Server(Role::Admin), [Account];
    /// Empty it.
    DrainMedia = "admin.media.drain", ["POST /v1/admin/media/drain"], Server(Role::Admin), [Account];
    /// Take that back.
    UndrainMedia = "admin.media.undrain", ["POST /v1/admin/media/undrain"], Server(Role::Admin), [Account];
}

/// Operations that ask for no permission, and what they ask for instead.
pub const OPEN: [(&str, &str); 17] = [
    ("POST /v1/setup", "the token of the owner link, once"),
    ("POST /v1/auth/register", "the setting `registration`, or an invite"),
    ("POST /v1/auth/login", "e-mail and password, and a code where the account has a second factor"),
    ("GET /v1/auth/oidc", "nothing"),
    ("POST /v1/auth/oidc/begin", "nothing: it only leads to the provider"),
    ("GET /v1/auth/oidc/callback", "the cookie of the browser that began, and the provider's answer, once"),
    ("POST /v1/auth/oidc/second-factor", "the cookie of a browser that comes from the provider, and a code"),
    ("POST /v1/auth/passkeys/sign-in/begin", "nothing: it gives something to sign"),
    ("POST /v1/auth/passkeys/sign-in", "the cookie of the browser that began, and a passkey's signature, once"),
    ("POST /v1/auth/password-reset", "nothing: the answer is the same for every address"),
    ("POST /v1/auth/password-reset/confirm", "the token of a link, once"),
    ("POST /v1/auth/logout", "nothing: without a session there is none to end"),
    ("GET /v1/realtime/ws", "a ticket, once"),
    ("POST /v1/calls/resume", "the media node's resume token"),
    ("GET /livez", "nothing"),
    ("GET /readyz", "nothing"),
    ("GET /metrics", "nothing"),
];
