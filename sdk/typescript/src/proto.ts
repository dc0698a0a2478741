// Generated from the crate boltorezka-proto. Do not edit.

/**
 * An account, or the identity that a join token names.
 */
export type UserId = string;

/**
 * One identity in one room, from its join until it has left. It outlives connections: a reload keeps it. It is
 * never used again after it was revoked.
 */
export type ParticipantId = string;

/**
 * A room. People name it by its slug.
 */
export type RoomId = string;

/**
 * A tenant. People name it by its slug.
 */
export type WorkspaceId = string;

/**
 * A chat message.
 */
export type MessageId = string;

/**
 * A file that was uploaded for a message.
 */
export type AttachmentId = string;

/**
 * Something that an account is to see.
 */
export type NotificationId = string;

/**
 * A call that rings in a direct room.
 */
export type CallId = string;

/**
 * A report of a message.
 */
export type ReportId = string;

/**
 * Somebody who is told of events over HTTP.
 */
export type WebhookId = string;

/**
 * Something that happened: the same for all who are told of it, and each time that it is told.
 */
export type EventId = string;

/**
 * One open socket of the realtime gateway.
 */
export type SessionId = string;

/**
 * A place where an account is signed in: a session of its cookie.
 */
export type LoginId = string;

/**
 * An invite to make an account, or into a room.
 */
export type InviteId = string;

/**
 * A key of one of the operator's servers.
 */
export type ApiKeyId = string;

/**
 * An entry of the audit log.
 */
export type AuditId = string;

/**
 * A custom role of a workspace.
 */
export type CustomRoleId = string;

/**
 * A published track, unique on its node while the node runs.
 *
 * Each forwarded RTP packet carries it as its only CSRC, so that media which overtakes the slot map is never shown
 * under a wrong name. The upper 8 bits are the shard of the publisher, the lower 24 a counter that skips zero.
 */
export type TrackNumber = number;

/**
 * Milliseconds since the Unix epoch; RFC 3339 in UTC with milliseconds in JSON (`2026-11-21T09:30:00.000Z`).
 */
export type Timestamp = string;

/**
 * The name of a room in addresses.
 */
export type RoomSlug = string;

/**
 * What people call a room.
 */
export type RoomTitle = string;

/**
 * What rooms are listed under. The empty text is no category.
 */
export type RoomCategory = string;

/**
 * The name of a workspace in addresses.
 */
export type WorkspaceSlug = string;

/**
 * What people call a workspace.
 */
export type WorkspaceTitle = string;

/**
 * What people call a custom role.
 */
export type CustomRoleName = string;

/**
 * What people call a person.
 */
export type DisplayName = string;

/**
 * What a chat message says.
 */
export type MessageText = string;

/**
 * Why somebody reports a message.
 */
export type ReportReason = string;

/**
 * What people react with: commonly one emoji, of several characters where it is put together.
 */
export type ReactionEmoji = string;

/**
 * What a file is called: a text, and never a path.
 */
export type FileName = string;

/**
 * A stable reason that programs may act on. In JSON it is written in snake_case.
 */
export type ErrorCode = "malformed" | "unknown_type" | "unauthenticated" | "invalid_credentials" | "second_factor_required" | "invalid_token" | "forbidden" | "account_blocked" | "account_pending" | "registration_closed" | "banned" | "lobby" | "refused" | "read_only" | "direct_refused" | "recipient_gone" | "foreign_origin" | "not_found" | "feature_disabled" | "method_not_allowed" | "conflict" | "already_set_up" | "not_joined" | "precondition_failed" | "too_large" | "unsupported_media_type" | "invalid" | "unacceptable_offer" | "precondition_required" | "rate_limited" | "slow_mode" | "room_full" | "internal" | "media_unavailable" | "overloaded" | "unavailable";

/**
 * The body of an HTTP error, `application/problem+json` (RFC 9457).
 */
export type Problem = { 
/**
 * The HTTP status.
 */
status: number, 
/**
 * The stable reason.
 */
code: ErrorCode, 
/**
 * The same words for each occurrence of the code.
 */
title: string, 
/**
 * What is wrong in this case, and the cure.
 */
detail?: string, };

/**
 * What an account may do on the whole server. Ordered: each includes the ones before it.
 */
export type Role = "user" | "admin" | "super_admin";

/**
 * What a member may do in one room. Ordered: each includes the ones before it.
 */
export type RoomRole = "listener" | "member" | "moderator" | "owner";

/**
 * What a room is for.
 */
export type RoomKind = "text" | "voice" | "video" | "direct";

/**
 * An account, as others see it and as it sees itself.
 */
export type User = { 
/**
 * Stable id.
 */
id: UserId, 
/**
 * Lower-cased address. Only shown to the account itself and to admins.
 */
email: string, 
/**
 * Name for people.
 */
displayName: DisplayName, 
/**
 * Server-wide role.
 */
role: Role, };

/**
 * `{user}`: the answer to set-up, registration, log-in, `me` and promotion.
 */
export type UserEnvelope = { 
/**
 * The account.
 */
user: User, };

/**
 * `POST /v1/setup`.
 */
export type SetupRequest = { 
/**
 * From the owner link.
 */
token: string, 
/**
 * The first super admin's address.
 */
email: string, 
/**
 * At least 10 characters.
 */
password: string, 
/**
 * Name for people.
 */
displayName: DisplayName, };

/**
 * `POST /v1/auth/register`.
 */
export type RegisterRequest = { 
/**
 * Address, unique without regard to case.
 */
email: string, 
/**
 * At least 10 characters.
 */
password: string, 
/**
 * Name for people.
 */
displayName: DisplayName, 
/**
 * The token of an invite.
 */
invite?: string, };

/**
 * `POST /v1/auth/login`.
 */
export type LoginRequest = { 
/**
 * Address.
 */
email: string, 
/**
 * Password.
 */
password: string, 
/**
 * Of the second factor, where the account has one: what the authenticator shows, or a recovery code.
 */
code?: string, };

/**
 * `POST /v1/auth/ws-ticket`: redeemed once by `GET /v1/realtime/ws?ticket=`.
 */
export type TicketResponse = { 
/**
 * Opaque.
 */
ticket: string, 
/**
 * 45 s after it was issued.
 */
expiresAt: Timestamp, };

/**
 * `POST /v1/join-tokens`: lets a server admit an identity of its own to one room.
 */
export type JoinTokenRequest = { 
/**
 * The only room that the token opens.
 */
room: RoomSlug, 
/**
 * The caller's name for the person, 1 to 128 characters; the same identity is the same user.
 */
identity: string, 
/**
 * Name for people.
 */
displayName: DisplayName, 
/**
 * Everything that the kind of room allows when absent.
 */
permissions?: MediaPermissions, 
/**
 * Whether its holder does not wait in the room's lobby.
 */
passesLobby?: boolean, 
/**
 * Seconds that the token is valid, 3,600 when absent, at most 86,400.
 */
ttlS?: number, };

/**
 * The answer to `POST /v1/join-tokens`.
 */
export type JoinTokenResponse = { 
/**
 * A signed token, for `Authorization: Bearer`.
 */
token: string, 
/**
 * When it ends.
 */
expiresAt: Timestamp, };

/**
 * A room.
 */
export type Room = { 
/**
 * Stable id.
 */
id: RoomId, 
/**
 * Its name in addresses.
 */
slug: RoomSlug, 
/**
 * Its name for people.
 */
title: RoomTitle, 
/**
 * What it is for.
 */
kind: RoomKind, 
/**
 * Seats, when limited.
 */
capacity?: number, 
/**
 * The caller's role in it.
 */
myRole?: RoomRole, 
/**
 * How many are in it now.
 */
participantCount: number, 
/**
 * The number of the last change of its chat. Absent for API keys and the banned, as the next three.
 */
lastSeq?: number, 
/**
 * Up to where the caller has read it.
 */
readSeq?: number, 
/**
 * Messages of others after that; 100 means 100 or more.
 */
unreadCount?: number, 
/**
 * Those of them that mention the caller, likewise.
 */
mentionCount?: number, 
/**
 * When it was made.
 */
createdAt: Timestamp, 
/**
 * Under which it is listed. Rooms without one come first.
 */
category?: RoomCategory, 
/**
 * Its place in the category. Of the same place, the title decides.
 */
position: number, 
/**
 * Whether it is there only for those with a role of their own in it, and for admins of the workspace.
 */
hidden: boolean, 
/**
 * Whether only moderators say something.
 */
readOnly: boolean, 
/**
 * Whether those who do not moderate wait until somebody who does lets them in.
 */
lobby: boolean, 
/**
 * Seconds between two messages of one sender, unless it moderates. No pause when absent.
 */
slowModeS?: number, 
/**
 * Days after which messages are erased. They are kept for ever when absent.
 */
retentionDays?: number, };

/**
 * How a room is.
 */
export type RoomSettings = { 
/**
 * Under which it is listed. Rooms without one come first.
 */
category?: RoomCategory, 
/**
 * Its place in the category. Of the same place, the title decides.
 */
position: number, 
/**
 * Whether it is there only for those with a role of their own in it, and for admins of the workspace.
 */
hidden: boolean, 
/**
 * Whether only moderators say something.
 */
readOnly: boolean, 
/**
 * Whether those who do not moderate wait until somebody who does lets them in.
 */
lobby: boolean, 
/**
 * Seconds between two messages of one sender, unless it moderates. No pause when absent.
 */
slowModeS?: number, 
/**
 * Days after which messages are erased. They are kept for ever when absent.
 */
retentionDays?: number, };

/**
 * A change of how a room is: absent fields stay as they are, or as they are at first.
 */
export type RoomSettingsChange = { 
/**
 * Under which it is listed; the empty text takes it out of its category.
 */
category?: RoomCategory, 
/**
 * Its place in the category, 0 to 1,000,000.
 */
position?: number, 
/**
 * Whether it is there only for those with a role of their own in it. Others leave it at once.
 */
hidden?: boolean, 
/**
 * Whether only moderators say something.
 */
readOnly?: boolean, 
/**
 * Whether those who do not moderate wait until they are let in. Who is inside stays; when it ends, all who wait are let in.
 */
lobby?: boolean, 
/**
 * Seconds between two messages of one sender, 21,600 at most; 0 for no pause.
 */
slowModeS?: number, 
/**
 * Days after which messages are erased, 3,650 at most; 0 to keep them for ever.
 */
retentionDays?: number, };

/**
 * `POST /v1/rooms`.
 */
export type CreateRoomRequest = { 
/**
 * Unique in the workspace.
 */
slug: RoomSlug, 
/**
 * Name for people.
 */
title: RoomTitle, 
/**
 * What it is for.
 */
kind: RoomKind, 
/**
 * Seats, 1 to 10,000; unlimited when absent.
 */
capacity?: number, 
/**
 * Under which it is listed; the empty text takes it out of its category.
 */
category?: RoomCategory, 
/**
 * Its place in the category, 0 to 1,000,000.
 */
position?: number, 
/**
 * Whether it is there only for those with a role of their own in it. Others leave it at once.
 */
hidden?: boolean, 
/**
 * Whether only moderators say something.
 */
readOnly?: boolean, 
/**
 * Whether those who do not moderate wait until they are let in. Who is inside stays; when it ends, all who wait are let in.
 */
lobby?: boolean, 
/**
 * Seconds between two messages of one sender, 21,600 at most; 0 for no pause.
 */
slowModeS?: number, 
/**
 * Days after which messages are erased, 3,650 at most; 0 to keep them for ever.
 */
retentionDays?: number, };

/**
 * `PATCH /v1/rooms/{slug}`: absent fields stay as they are.
 */
export type UpdateRoomRequest = { 
/**
 * New name for people.
 */
title?: RoomTitle, 
/**
 * New number of seats; those inside stay.
 */
capacity?: number, 
/**
 * Under which it is listed; the empty text takes it out of its category.
 */
category?: RoomCategory, 
/**
 * Its place in the category, 0 to 1,000,000.
 */
position?: number, 
/**
 * Whether it is there only for those with a role of their own in it. Others leave it at once.
 */
hidden?: boolean, 
/**
 * Whether only moderators say something.
 */
readOnly?: boolean, 
/**
 * Whether those who do not moderate wait until they are let in. Who is inside stays; when it ends, all who wait are let in.
 */
lobby?: boolean, 
/**
 * Seconds between two messages of one sender, 21,600 at most; 0 for no pause.
 */
slowModeS?: number, 
/**
 * Days after which messages are erased, 3,650 at most; 0 to keep them for ever.
 */
retentionDays?: number, };

/**
 * A page of a list: ask again with `cursor=nextCursor` until it is absent.
 */
export type Page<T> = { 
/**
 * The page's items.
 */
items: Array<T>, 
/**
 * Opaque; absent on the last page.
 */
nextCursor?: string, };

/**
 * A member of a room with a role of its own there.
 */
export type Member = { 
/**
 * Account.
 */
userId: UserId, 
/**
 * Name for people.
 */
displayName: DisplayName, 
/**
 * Role in the room.
 */
role: RoomRole, };

/**
 * `PUT /v1/rooms/{slug}/members/{userId}`.
 */
export type SetMemberRequest = { 
/**
 * Role in the room.
 */
role: RoomRole, };

/**
 * Somebody to whom a room is closed.
 */
export type Ban = { 
/**
 * Who.
 */
userId: UserId, 
/**
 * Name for people.
 */
displayName: DisplayName, 
/**
 * Since when.
 */
bannedAt: Timestamp, };

/**
 * `POST /v1/rooms/{slug}/invites`. An empty body makes one for a member, for one use and a day.
 */
export type CreateRoomInviteRequest = { 
/**
 * The role that it gives in the room, never above the maker's.
 */
role?: RoomRole, 
/**
 * How many may come in by it, 1 to 10,000.
 */
uses?: number, 
/**
 * Seconds that it is good for, 7,776,000 at most.
 */
ttlS?: number, };

/**
 * Somebody who waits in the lobby of a room.
 */
export type Waiting = { 
/**
 * Who.
 */
userId: UserId, 
/**
 * Name for people.
 */
displayName: DisplayName, 
/**
 * Since when.
 */
since: Timestamp, };

/**
 * Why somebody who waited in a lobby is not let in.
 */
export type RefusalReason = "refused" | "revoked" | "room_deleted";

/**
 * An invite into a room.
 */
export type RoomInvite = { 
/**
 * Stable id.
 */
id: InviteId, 
/**
 * The role that it gives.
 */
role: RoomRole, 
/**
 * How many came in by it.
 */
uses: number, 
/**
 * How many may.
 */
usesMax: number, 
/**
 * Whose it is; absent when an API key made it.
 */
createdBy?: UserId, 
/**
 * When it was made.
 */
createdAt: Timestamp, 
/**
 * When it ends.
 */
expiresAt: Timestamp, 
/**
 * Whether it was taken back.
 */
revoked: boolean, };

/**
 * The answer to `POST /v1/rooms/{slug}/invites`. The token is shown once.
 */
export type RoomInviteCreated = { 
/**
 * The invite.
 */
invite: RoomInvite, 
/**
 * What is redeemed.
 */
token: string, };

/**
 * `POST /v1/room-invites/redeem`.
 */
export type RedeemRoomInviteRequest = { 
/**
 * Of the invite.
 */
token: string, };

/**
 * The answer to `POST /v1/room-invites/redeem`: where one may go now.
 */
export type RoomInviteRedeemed = { 
/**
 * The room's workspace.
 */
workspace: WorkspaceSlug, 
/**
 * The room.
 */
room: Room, };

/**
 * Someone who is in a room now.
 */
export type Participant = { 
/**
 * Id of this stay in the room.
 */
participantId: ParticipantId, 
/**
 * Whose stay it is.
 */
userId: UserId, 
/**
 * Name for people.
 */
displayName: DisplayName, 
/**
 * Role in the room.
 */
role: RoomRole, 
/**
 * Whether media flows.
 */
call: CallState, 
/**
 * Sources that are published and not muted.
 */
publishing: Array<TrackSource>, 
/**
 * When it joined.
 */
joinedAt: Timestamp, };

/**
 * A participant's part in the room's call.
 */
export type CallState = "none" | "connected" | "suspended";

/**
 * `POST /v1/rooms/{slug}/participants/{participantId}/mute`. An empty body mutes the microphone.
 */
export type MuteRequest = { 
/**
 * What is muted.
 */
source: TrackSource, 
/**
 * `false` gives the right to publish it back.
 */
muted: boolean, };

/**
 * `POST /v1/rooms/{slug}/participants/{participantId}/move`.
 */
export type MoveRequest = { 
/**
 * Where to.
 */
room: RoomSlug, };

/**
 * `POST /v1/admin/users/{userId}/promote`.
 */
export type PromoteRequest = { 
/**
 * Only `admin` can be given.
 */
role: Role, };

/**
 * `POST /v1/calls/resume`: restarts ICE without a session, a socket or a seat that control knows of.
 */
export type ResumeRequest = { 
/**
 * The token of the last `resume` message on the data channel.
 */
token: string, 
/**
 * An offer of the same session, with new ICE credentials.
 */
sdp: string, };

/**
 * The node's answer.
 */
export type ResumeResponse = { 
/**
 * Its session description.
 */
sdp: string, };

/**
 * `GET /v1/admin/media`: how the media node does.
 */
export type MediaState = { 
/**
 * Whether it is linked; the rest is what it said last.
 */
linked: boolean, 
/**
 * Whether it is being emptied.
 */
draining: boolean, 
/**
 * Connections that it has.
 */
connections: number, 
/**
 * Its shards.
 */
shards: number, 
/**
 * Those of them that take nobody new, because they have too much to do.
 */
shardsOverloaded: number, };

/**
 * `POST /v1/admin/media/drain`. An empty body gives those inside ten minutes.
 */
export type DrainRequest = { 
/**
 * Until those who are left are ended, in seconds.
 */
deadlineS: number, };

/**
 * Whether an account may come in.
 */
export type AccountState = "pending" | "active" | "blocked";

/**
 * `GET /v1/auth/me`.
 */
export type Me = { 
/**
 * The account.
 */
user: User, 
/**
 * Whether it may come in.
 */
state: AccountState, 
/**
 * Whether it was shown that the address is the account's.
 */
emailVerified: boolean, 
/**
 * Whether signing in takes a second factor.
 */
secondFactor: boolean, 
/**
 * Whether it has a password. Who has none signs in by a provider or a passkey, and a sign-in of the last ten minutes
 * stands where a password is asked for.
 */
hasPassword: boolean, };

/**
 * An account as admins see it.
 */
export type Account = { 
/**
 * Whether it may come in.
 */
state: AccountState, 
/**
 * Whether it was shown that the address is the account's.
 */
emailVerified: boolean, 
/**
 * Whether signing in takes a second factor.
 */
secondFactor: boolean, 
/**
 * Stable id.
 */
id: UserId, 
/**
 * Lower-cased address. Only shown to the account itself and to admins.
 */
email: string, 
/**
 * Name for people.
 */
displayName: DisplayName, 
/**
 * Server-wide role.
 */
role: Role, };

/**
 * `{user}`: the answer to what admins do with an account.
 */
export type AccountEnvelope = { 
/**
 * The account.
 */
user: Account, };

/**
 * A place where an account is signed in.
 */
export type Session = { 
/**
 * Stable id.
 */
id: LoginId, 
/**
 * Whether the request came with it.
 */
current: boolean, 
/**
 * When it began.
 */
createdAt: Timestamp, 
/**
 * When it was used last, about: within ten minutes.
 */
lastSeenAt: Timestamp, 
/**
 * When it ends, unless it is used.
 */
expiresAt: Timestamp, 
/**
 * From where it was begun, if the server keeps that.
 */
address?: string, 
/**
 * What it was begun with, if the server keeps that.
 */
userAgent?: string, };

/**
 * `GET /v1/auth/sessions`: all of them, those used last first.
 */
export type Sessions = { 
/**
 * The sessions.
 */
items: Array<Session>, };

/**
 * `POST /v1/auth/password`.
 */
export type ChangePasswordRequest = { 
/**
 * The one of now.
 */
password: string, 
/**
 * The one from now on, at least 10 characters.
 */
newPassword: string, };

/**
 * `POST /v1/admin/invites`. An empty body makes an invite for one account, for a week.
 */
export type CreateInviteRequest = { 
/**
 * The only address that it is for; any when absent.
 */
email?: string, 
/**
 * How many accounts may be made with it, 1 when absent.
 */
uses: number, 
/**
 * Seconds that it is valid, 604,800 (a week) when absent.
 */
ttlS: number, };

/**
 * An invite to make an account.
 */
export type Invite = { 
/**
 * Stable id.
 */
id: InviteId, 
/**
 * The only address that it is for.
 */
email?: string, 
/**
 * How many accounts were made with it.
 */
uses: number, 
/**
 * How many may be.
 */
usesMax: number, 
/**
 * Who made it.
 */
createdBy?: UserId, 
/**
 * When.
 */
createdAt: Timestamp, 
/**
 * When it ends.
 */
expiresAt: Timestamp, 
/**
 * Whether it was taken back.
 */
revoked: boolean, };

/**
 * The answer to `POST /v1/admin/invites`. The token is shown once.
 */
export type InviteCreated = { 
/**
 * The invite.
 */
invite: Invite, 
/**
 * For `invite` of `POST /v1/auth/register`.
 */
token: string, 
/**
 * The page to register on, for whoever is invited. Without the setting `public_url` it begins with the path.
 */
link: string, };

/**
 * `POST /v1/admin/api-keys`.
 */
export type CreateApiKeyRequest = { 
/**
 * What it is for, 1 to 100 characters.
 */
name: string, 
/**
 * What it may do: names of permissions, or their first words, such as `rooms` or `rooms.participant`. All that API
 * keys may when absent.
 */
scopes?: Array<string>, };

/**
 * A key of one of the operator's servers.
 */
export type ApiKey = { 
/**
 * Stable id.
 */
id: ApiKeyId, 
/**
 * What it is for.
 */
name: string, 
/**
 * What it may do; all that API keys may when absent.
 */
scopes?: Array<string>, 
/**
 * When it was made.
 */
createdAt: Timestamp, 
/**
 * When it was used last, about: within ten minutes.
 */
lastUsedAt?: Timestamp, 
/**
 * Since when it is worthless.
 */
revokedAt?: Timestamp, };

/**
 * The answer to `POST /v1/admin/api-keys`. The key is shown once.
 */
export type ApiKeyCreated = { 
/**
 * What is kept of it.
 */
apiKey: ApiKey, 
/**
 * For `Authorization: Bearer`.
 */
key: string, };

/**
 * What a link that proves something about an account is for.
 */
export type LinkKind = "verify_email" | "reset_password";

/**
 * `POST /v1/auth/password-reset`: has a link sent.
 */
export type ForgotPasswordRequest = { 
/**
 * The account's address.
 */
email: string, };

/**
 * `POST /v1/auth/password-reset/confirm`.
 */
export type ResetPasswordRequest = { 
/**
 * Of the link.
 */
token: string, 
/**
 * The password from now on, at least 10 characters.
 */
newPassword: string, };

/**
 * `POST /v1/auth/email-verification/confirm`.
 */
export type VerifyEmailRequest = { 
/**
 * Of the link.
 */
token: string, };

/**
 * `POST /v1/admin/users/{userId}/links`: a link to be handed to the account's owner in another way than by mail.
 */
export type CreateLinkRequest = { 
/**
 * What it is for.
 */
kind: LinkKind, };

/**
 * The answer to `POST /v1/admin/users/{userId}/links`. It is shown once.
 */
export type LinkCreated = { 
/**
 * The page to open. Without the setting `public_url` it begins with the path.
 */
link: string, 
/**
 * What the page sends.
 */
token: string, 
/**
 * When it ends.
 */
expiresAt: Timestamp, };

/**
 * `POST /v1/auth/second-factor`: begins to set one up.
 */
export type EnrolSecondFactorRequest = { 
/**
 * The account's password.
 */
password: string, };

/**
 * The answer to `POST /v1/auth/second-factor`. It is shown once.
 */
export type SecondFactorSecret = { 
/**
 * To be typed into an authenticator, in base32.
 */
secret: string, 
/**
 * The same as an `otpauth://` address, to be shown as a QR code.
 */
uri: string, };

/**
 * `POST /v1/auth/second-factor/confirm`.
 */
export type ConfirmSecondFactorRequest = { 
/**
 * What the authenticator shows: six digits.
 */
code: string, };

/**
 * The answer to `POST /v1/auth/second-factor/confirm`. They are shown once.
 */
export type RecoveryCodes = { 
/**
 * Each signs in once in place of the authenticator.
 */
recoveryCodes: Array<string>, };

/**
 * `POST /v1/auth/second-factor/disable`.
 */
export type DisableSecondFactorRequest = { 
/**
 * The account's password.
 */
password: string, 
/**
 * What the authenticator shows, or a recovery code.
 */
code: string, };

/**
 * `GET /v1/auth/me/export`: all that is kept of an account.
 */
export type Export = { 
/**
 * The account.
 */
user: User, 
/**
 * Whether it may come in.
 */
state: AccountState, 
/**
 * Whether it was shown that the address is the account's.
 */
emailVerified: boolean, 
/**
 * Whether signing in takes a second factor.
 */
secondFactor: boolean, 
/**
 * When it was made.
 */
createdAt: Timestamp, 
/**
 * What signs in to it beside a password.
 */
identities: Array<OidcLink>, 
/**
 * Its passkeys.
 */
passkeys: Array<Passkey>, 
/**
 * The browsers that it is pushed to.
 */
pushSubscriptions: Array<PushSubscription>, 
/**
 * Where it is signed in.
 */
sessions: Array<Session>, 
/**
 * Its roles in rooms.
 */
roles: Array<ExportedRole>, 
/**
 * Custom roles that it holds, in whatever workspace.
 */
customRoles: Array<HeldRole>, 
/**
 * Whose direct messages it refuses, in whatever workspace.
 */
blocked: Array<UserId>, 
/**
 * What the audit keeps of what it did: the last thousand acts.
 */
acts: Array<ExportedAct>, 
/**
 * What it wrote, a page of it.
 */
messages: Array<ExportedMessage>, 
/**
 * Opaque; absent on the last page of the messages.
 */
nextCursor?: string, };

/**
 * A role in a room.
 */
export type ExportedRole = { 
/**
 * Where.
 */
room: RoomSlug, 
/**
 * Which.
 */
role: RoomRole, };

/**
 * An entry of the audit.
 */
export type ExportedAct = { 
/**
 * What was done.
 */
action: string, 
/**
 * To whom or to what.
 */
target: string, 
/**
 * From where.
 */
address: string, 
/**
 * When.
 */
at: Timestamp, };

/**
 * A message.
 */
export type ExportedMessage = { 
/**
 * Which.
 */
id: MessageId, 
/**
 * Where.
 */
room: RoomSlug, 
/**
 * What.
 */
text: string, 
/**
 * Its files.
 */
attachments?: Array<Attachment>, 
/**
 * When.
 */
createdAt: Timestamp, };

/**
 * `DELETE /v1/auth/me`.
 */
export type DeleteMeRequest = { 
/**
 * The account's password.
 */
password: string, };

/**
 * The answer to `DELETE /v1/auth/me`.
 */
export type DeletionPlanned = { 
/**
 * When the account is erased, unless its owner logs in before.
 */
eraseAt: Timestamp, };

/**
 * `GET /v1/auth/oidc`: how people may sign in beside a password.
 */
export type OidcStatus = { 
/**
 * The provider; none when the server was not told of one.
 */
provider?: OidcProvider, };

/**
 * An identity provider.
 */
export type OidcProvider = { 
/**
 * What people call it.
 */
name: string, };

/**
 * `POST /v1/auth/oidc/begin`: signs in, or makes an account.
 */
export type BeginOidcRequest = { 
/**
 * The page of this server that follows: a path such as `/rooms/talk`, 512 bytes at most. `/` when absent.
 */
next?: string, 
/**
 * The token of an invite, for who has no account yet.
 */
invite?: string, };

/**
 * `POST /v1/auth/oidc/link`: links the account to an identity.
 */
export type LinkOidcRequest = { 
/**
 * The account's password.
 */
password: string, };

/**
 * A sign-in has begun; the browser keeps its half in a cookie.
 */
export type OidcBegun = { 
/**
 * The provider's page, to be gone to within ten minutes.
 */
url: string, };

/**
 * `POST /v1/auth/oidc/second-factor`: ends a sign-in whose account has a second factor.
 */
export type OidcSecondFactorRequest = { 
/**
 * What the authenticator shows, or a recovery code.
 */
code: string, };

/**
 * `GET /v1/auth/oidc/link`.
 */
export type OidcLinkStatus = { 
/**
 * The identity that signs in to the account, if there is one.
 */
link?: OidcLink, };

/**
 * An identity of a provider that signs in to an account.
 */
export type OidcLink = { 
/**
 * Who vouches for it.
 */
issuer: string, 
/**
 * What the provider calls it.
 */
subject: string, 
/**
 * Since when.
 */
linkedAt: Timestamp, };

/**
 * Why a sign-in by a provider came to nothing: `oidcError` of the page that the browser is sent to.
 */
export type OidcError = "expired" | "denied" | "provider_unavailable" | "bad_answer" | "no_address" | "registration_closed" | "no_invite" | "blocked" | "address_taken" | "linked_elsewhere" | "signed_out" | "rate_limited" | "internal";

/**
 * A passkey of an account.
 */
export type PasskeyId = string;

/**
 * What people call a passkey of theirs.
 */
export type PasskeyName = string;

/**
 * A passkey of one's account.
 */
export type Passkey = { 
/**
 * Stable id.
 */
id: PasskeyId, 
/**
 * What its owner calls it.
 */
name: PasskeyName, 
/**
 * When it was made.
 */
createdAt: Timestamp, 
/**
 * When somebody signed in by it last.
 */
lastUsedAt?: Timestamp, };

/**
 * `GET /v1/auth/passkeys`: all of them, the oldest first.
 */
export type Passkeys = { 
/**
 * The passkeys, 20 at most.
 */
items: Array<Passkey>, };

/**
 * `POST /v1/auth/passkeys/begin`: begins to add one.
 */
export type BeginPasskeyRequest = { 
/**
 * The account's password.
 */
password: string, };

/**
 * What a browser is to ask a device for: a discoverable credential (`residentKey: required`), by somebody whom the device has
 * checked (`userVerification: required`), without attestation.
 */
export type PasskeyCreation = { 
/**
 * To be sent back as it is, in the client data.
 */
challenge: string, 
/**
 * The host name that the passkey is for.
 */
rpId: string, 
/**
 * What devices show of it.
 */
rpName: string, 
/**
 * What the passkey says whose it is.
 */
userHandle: string, 
/**
 * The account's address, for its owner to tell passkeys apart.
 */
userName: string, 
/**
 * The account's name.
 */
displayName: DisplayName, 
/**
 * Kinds of keys that are taken, the best first (`COSEAlgorithmIdentifier`).
 */
algorithms: Array<number>, 
/**
 * Credential ids that the account has: their devices make no second one.
 */
excludeCredentials: Array<string>, 
/**
 * Time until the challenge is worthless.
 */
timeoutMs: number, };

/**
 * `POST /v1/auth/passkeys`: what a device has made.
 */
export type AddPasskeyRequest = { 
/**
 * What its owner calls it.
 */
name: PasskeyName, 
/**
 * `clientDataJSON`.
 */
clientData: string, 
/**
 * `attestationObject`. Its statement is not looked at.
 */
attestation: string, };

/**
 * `PATCH /v1/auth/passkeys/{passkeyId}`.
 */
export type RenamePasskeyRequest = { 
/**
 * What its owner calls it from now on.
 */
name: PasskeyName, };

/**
 * What a browser is to have a device sign: by any of its passkeys for this host, by somebody whom the device has checked
 * (`userVerification: required`).
 */
export type PasskeyChallenge = { 
/**
 * To be sent back as it is, in the client data.
 */
challenge: string, 
/**
 * The host name that the passkey is for.
 */
rpId: string, 
/**
 * Time until the challenge is worthless.
 */
timeoutMs: number, };

/**
 * `POST /v1/auth/passkeys/sign-in`: what a device has signed.
 */
export type PasskeySignInRequest = { 
/**
 * `rawId`.
 */
credentialId: string, 
/**
 * Whose the passkey says that it is.
 */
userHandle: string, 
/**
 * `clientDataJSON`.
 */
clientData: string, 
/**
 * `authenticatorData`.
 */
authenticatorData: string, 
/**
 * Of both.
 */
signature: string, };

/**
 * A browser that an account is pushed to.
 */
export type PushSubscriptionId = string;

/**
 * A browser that the account is pushed to.
 */
export type PushSubscription = { 
/**
 * Stable id.
 */
id: PushSubscriptionId, 
/**
 * Whether it belongs to the session that asks.
 */
current: boolean, 
/**
 * The host of the push service that the browser chose.
 */
service: string, 
/**
 * What the client of its session calls itself, if that was kept.
 */
userAgent?: string, 
/**
 * When it was made.
 */
createdAt: Timestamp, };

/**
 * `GET /v1/push`.
 */
export type PushStatus = { 
/**
 * Whether browsers can subscribe here.
 */
available: boolean, 
/**
 * Why they cannot, in words.
 */
reason?: string, 
/**
 * The server's public key, for `PushManager.subscribe`: an uncompressed point of P-256 in base64url without padding.
 */
publicKey: string, 
/**
 * Whether the account wants to be pushed to.
 */
enabled: boolean, 
/**
 * Its browsers, the oldest first.
 */
subscriptions: Array<PushSubscription>, };

/**
 * `POST /v1/push/subscriptions`: what `PushSubscription.toJSON` of a browser gives. Bytes in base64url without padding.
 */
export type SubscribePushRequest = { 
/**
 * Where the push service takes what is for this browser; 1,024 bytes at most.
 */
endpoint: string, 
/**
 * The browser's public key: an uncompressed point of P-256.
 */
p256dh: string, 
/**
 * The secret that the browser shares with the server: 16 bytes.
 */
auth: string, };

/**
 * `PATCH /v1/push`.
 */
export type UpdatePushRequest = { 
/**
 * Whether the account wants to be pushed to.
 */
enabled: boolean, };

/**
 * What a browser is pushed, and its service worker shows. A later one about the same room, or its call, takes the place of an earlier one.
 */
export type PushNotice = { "type": "message", 
/**
 * Where: the workspace.
 */
workspace: WorkspaceSlug, 
/**
 * Where: the room.
 */
room: RoomSlug, 
/**
 * Its title for people.
 */
roomTitle: RoomTitle, 
/**
 * The entry of the inbox.
 */
notificationId: NotificationId, 
/**
 * Why it is for the account.
 */
kind: NotificationKind, 
/**
 * Who sent it.
 */
senderName: string, 
/**
 * Its beginning, 200 characters at most; empty of a message of files alone.
 */
text: string, 
/**
 * When.
 */
at: Timestamp, } | { "type": "ringing", 
/**
 * Where: the workspace.
 */
workspace: WorkspaceSlug, 
/**
 * Where: the direct room.
 */
room: RoomSlug, 
/**
 * Which call.
 */
callId: CallId, 
/**
 * Who.
 */
callerName: DisplayName, 
/**
 * When it rings no more.
 */
endsAt: Timestamp, } | { "type": "missedCall", 
/**
 * Where: the workspace.
 */
workspace: WorkspaceSlug, 
/**
 * Where: the direct room.
 */
room: RoomSlug, 
/**
 * The entry of the inbox.
 */
notificationId: NotificationId, 
/**
 * Who.
 */
callerName: DisplayName, 
/**
 * When.
 */
at: Timestamp, };

/**
 * Who did something. Names are those of now; none when it is gone.
 */
export type AuditActor = { "kind": "user", 
/**
 * Which.
 */
userId: UserId, 
/**
 * Its name for people.
 */
name?: DisplayName, } | { "kind": "api_key", 
/**
 * Which key.
 */
apiKeyId: ApiKeyId, 
/**
 * What it is for.
 */
name?: string, } | { "kind": "owner_link", };

/**
 * An act of power that was carried out.
 */
export type AuditEntry = { 
/**
 * Stable id.
 */
id: AuditId, 
/**
 * When.
 */
createdAt: Timestamp, 
/**
 * Who.
 */
actor: AuditActor, 
/**
 * What: mostly the name of the permission that it took.
 */
action: string, 
/**
 * To whom or what: ids and names, with spaces between.
 */
target: string, 
/**
 * The network address that the request came from.
 */
address: string, 
/**
 * Where; none when the workspace is gone.
 */
workspace?: WorkspaceSlug, };

/**
 * A room of any workspace.
 */
export type AdminRoom = { 
/**
 * Stable id.
 */
id: RoomId, 
/**
 * Whose it is.
 */
workspace: WorkspaceSlug, 
/**
 * Its name in addresses, within its workspace.
 */
slug: RoomSlug, 
/**
 * Its name for people.
 */
title: RoomTitle, 
/**
 * What it is for.
 */
kind: RoomKind, 
/**
 * Most participants at a time; absent for no limit.
 */
capacity?: number, 
/**
 * How many are inside, those who are hidden too.
 */
participantCount: number, 
/**
 * How many of them the media node may serve.
 */
inCallCount: number, 
/**
 * How many have a role of their own in it.
 */
memberCount: number, 
/**
 * When something was said last; absent where nothing was.
 */
lastMessageAt?: Timestamp, 
/**
 * When it was made.
 */
createdAt: Timestamp, };

/**
 * Somebody in a room of any workspace.
 */
export type AdminParticipant = { 
/**
 * Id of the stay.
 */
participantId: ParticipantId, 
/**
 * Whose stay it is.
 */
userId: UserId, 
/**
 * Name for people.
 */
displayName: DisplayName, 
/**
 * The room's workspace.
 */
workspace: WorkspaceSlug, 
/**
 * The room.
 */
room: RoomSlug, 
/**
 * Role in the room.
 */
role: RoomRole, 
/**
 * When it came.
 */
joinedAt: Timestamp, 
/**
 * Whether it is not told to others.
 */
hidden: boolean, 
/**
 * Whether the media node may serve it.
 */
inCall: boolean, 
/**
 * What the node tells of it; absent without a connection, and while the node does not answer.
 */
connection?: ParticipantConnection, };

/**
 * How somebody's connection does.
 */
export type ParticipantConnection = { 
/**
 * How far it is.
 */
state: ConnectionState, 
/**
 * Since when, in milliseconds.
 */
stateAgeMs: number, 
/**
 * What carries it; absent before it has a path.
 */
carrier?: Carrier, 
/**
 * Round-trip time, when it is known.
 */
rttMs?: number, 
/**
 * Estimated bandwidth towards it.
 */
estimateBps: number, 
/**
 * What all that it is to see would take at its best.
 */
desiredBps: number, 
/**
 * Pictures that it sees.
 */
pictures: number, 
/**
 * Those of them that are smaller, or stand still, because the bandwidth carries no more.
 */
picturesLimited: number, 
/**
 * What it publishes.
 */
tracks: Array<ParticipantTrack>, };

/**
 * A track of somebody's.
 */
export type ParticipantTrack = { 
/**
 * What it carries.
 */
source: TrackSource, 
/**
 * Whether nothing of it is forwarded.
 */
muted: boolean, 
/**
 * The measured rates of what is sent of it, together.
 */
bitrateBps: number, };

/**
 * How a participant's connection does.
 */
export type ConnectionState = "connecting" | "connected" | "suspended";

/**
 * What carries a connection's datagrams.
 */
export type Carrier = "udp" | "tcp";

/**
 * Who is to be told of something that was committed.
 */
export type OutboxTopic = "media" | "gateway";

/**
 * Something that was committed and is not told yet.
 */
export type OutboxEvent = { 
/**
 * Grows. Of orders to the media node it is their revision.
 */
id: number, 
/**
 * Who is to be told.
 */
topic: OutboxTopic, 
/**
 * What kind of event, such as `revoke` or `messageNew`. What it says is not shown.
 */
type: string, 
/**
 * Where it happened; none when the workspace is gone.
 */
workspace?: WorkspaceSlug, 
/**
 * When.
 */
createdAt: Timestamp, };

/**
 * An event that a webhook was told so often without success that it is told no more. `POST /v1/webhooks/{webhookId}/replay`,
 * in its workspace, has all of a webhook told again.
 */
export type DeadLetter = { 
/**
 * Whose webhook.
 */
workspace: WorkspaceSlug, 
/**
 * Who was not told.
 */
webhookId: WebhookId, 
/**
 * Where it listens, without what stands behind a `?`.
 */
url: string, 
/**
 * Which event.
 */
eventId: EventId, 
/**
 * What kind.
 */
type: WebhookEventType, 
/**
 * When it happened.
 */
createdAt: Timestamp, 
/**
 * How often it was tried.
 */
attempts: number, 
/**
 * What went wrong the last time.
 */
lastError?: string, };

/**
 * Where the value of a setting came from.
 */
export type SettingSource = "default" | "file" | "environment" | "flag";

/**
 * A setting in force.
 */
export type AdminSetting = { 
/**
 * As in the TOML file.
 */
key: string, 
/**
 * What it does.
 */
meaning: string, 
/**
 * Which values there are.
 */
values: string, 
/**
 * Where the value came from.
 */
source: SettingSource, 
/**
 * Which flag, variable or file that is; absent for defaults.
 */
origin?: string, 
/**
 * Whether it may hold a secret: then its value is never shown.
 */
secret: boolean, 
/**
 * Whether a value was given.
 */
isSet: boolean, 
/**
 * The value; for a default without a fixed one, what holds instead.
 */
value?: string, };

/**
 * Something that happened: the body of a webhook's request, with the time.
 */
export type WebhookEvent = { "type": "room.created", "data": { 
/**
 * Which.
 */
room: RoomSlug, 
/**
 * Its name for people.
 */
title: RoomTitle, 
/**
 * What it is for.
 */
kind: RoomKind, } } | { "type": "room.updated", "data": { 
/**
 * Which.
 */
room: RoomSlug, 
/**
 * Its name for people, as of now.
 */
title: RoomTitle, } } | { "type": "room.deleted", "data": { 
/**
 * Which it was.
 */
room: RoomSlug, } } | { "type": "participant.joined", "data": { 
/**
 * Which.
 */
room: RoomSlug, 
/**
 * Who, for this stay: who leaves a call and stays gets another id, of which nothing is said here.
 */
participantId: ParticipantId, 
/**
 * Whose stay it is.
 */
userId: UserId, 
/**
 * Name for people.
 */
displayName: DisplayName, } } | { "type": "participant.left", "data": { 
/**
 * Which.
 */
room: RoomSlug, 
/**
 * Who, as it was known at its end.
 */
participantId: ParticipantId, 
/**
 * Whose stay it was.
 */
userId: UserId, 
/**
 * How it ended.
 */
reason: EndReason, } } | { "type": "message.new", "data": { 
/**
 * What.
 */
message: Message, } };

/**
 * What there is to be told of.
 */
export type WebhookEventType = "room.created" | "room.updated" | "room.deleted" | "participant.joined" | "participant.left" | "message.new";

/**
 * The body of a webhook's request: `{type, timestamp, data}`.
 */
export type WebhookBody = { 
/**
 * When it happened.
 */
timestamp: Timestamp, } & ({ "type": "room.created", "data": { 
/**
 * Which.
 */
room: RoomSlug, 
/**
 * Its name for people.
 */
title: RoomTitle, 
/**
 * What it is for.
 */
kind: RoomKind, } } | { "type": "room.updated", "data": { 
/**
 * Which.
 */
room: RoomSlug, 
/**
 * Its name for people, as of now.
 */
title: RoomTitle, } } | { "type": "room.deleted", "data": { 
/**
 * Which it was.
 */
room: RoomSlug, } } | { "type": "participant.joined", "data": { 
/**
 * Which.
 */
room: RoomSlug, 
/**
 * Who, for this stay: who leaves a call and stays gets another id, of which nothing is said here.
 */
participantId: ParticipantId, 
/**
 * Whose stay it is.
 */
userId: UserId, 
/**
 * Name for people.
 */
displayName: DisplayName, } } | { "type": "participant.left", "data": { 
/**
 * Which.
 */
room: RoomSlug, 
/**
 * Who, as it was known at its end.
 */
participantId: ParticipantId, 
/**
 * Whose stay it was.
 */
userId: UserId, 
/**
 * How it ended.
 */
reason: EndReason, } } | { "type": "message.new", "data": { 
/**
 * What.
 */
message: Message, } });

/**
 * `POST /v1/webhooks`.
 */
export type CreateWebhookRequest = { 
/**
 * Where the requests go: `https:`, or `http:` where the host is this machine.
 */
url: string, 
/**
 * What to tell of, each once.
 */
events: Array<WebhookEventType>, };

/**
 * Somebody who is told.
 */
export type Webhook = { 
/**
 * Stable id.
 */
id: WebhookId, 
/**
 * Where the requests go.
 */
url: string, 
/**
 * What it is told of.
 */
events: Array<WebhookEventType>, 
/**
 * When it was made.
 */
createdAt: Timestamp, 
/**
 * Since when nothing got through to it, while that is so.
 */
failingSince?: Timestamp, 
/**
 * When it was switched off, because nothing had got through for long or it said 410: nothing is kept for it since.
 */
disabledAt?: Timestamp, };

/**
 * The answer to `POST /v1/webhooks`.
 */
export type CreatedWebhook = { 
/**
 * As it is listed.
 */
webhook: Webhook, 
/**
 * What requests are signed with: `whsec_` and the key in base64. It is shown once.
 */
secret: string, };

/**
 * An event that has not got through.
 */
export type WebhookDelivery = { 
/**
 * The event's id, as in the header `webhook-id`.
 */
eventId: EventId, 
/**
 * What it tells of.
 */
type: WebhookEventType, 
/**
 * When it happened.
 */
createdAt: Timestamp, 
/**
 * How often it was tried.
 */
attempts: number, 
/**
 * When it is tried next; none for a dead letter, which is tried no more unless it is replayed.
 */
nextAttemptAt?: Timestamp, 
/**
 * What became of the last try, in words.
 */
lastError?: string, };

/**
 * What a member may do in one workspace. Ordered: each includes the ones before it.
 */
export type WorkspaceRole = "guest" | "member" | "admin" | "owner";

/**
 * A tenant: rooms, members and features of its own, of which no other sees anything.
 */
export type Workspace = { 
/**
 * Stable id.
 */
id: WorkspaceId, 
/**
 * Its name in addresses.
 */
slug: WorkspaceSlug, 
/**
 * Its name for people.
 */
title: WorkspaceTitle, 
/**
 * The caller's role in it.
 */
myRole: WorkspaceRole, 
/**
 * The custom roles that it holds beside that.
 */
myCustomRoles: Array<HeldRole>, 
/**
 * What they let it do, whatever its other roles are.
 */
myGrantedPermissions: Array<string>, 
/**
 * When it was made.
 */
createdAt: Timestamp, };

/**
 * `POST /v1/workspaces`.
 */
export type CreateWorkspaceRequest = { 
/**
 * Unique on the server; it stays.
 */
slug: WorkspaceSlug, 
/**
 * Name for people.
 */
title: WorkspaceTitle, };

/**
 * `PATCH /v1/workspaces/{workspace}`.
 */
export type UpdateWorkspaceRequest = { 
/**
 * New name for people.
 */
title: WorkspaceTitle, };

/**
 * A member of a workspace.
 */
export type WorkspaceMember = { 
/**
 * Account.
 */
userId: UserId, 
/**
 * Name for people.
 */
displayName: DisplayName, 
/**
 * Role in the workspace.
 */
role: WorkspaceRole, 
/**
 * The custom roles that it holds beside that.
 */
customRoles: Array<HeldRole>, };

/**
 * `PUT /v1/workspaces/{workspace}/members/{userId}`.
 */
export type SetWorkspaceMemberRequest = { 
/**
 * Role in the workspace.
 */
role: WorkspaceRole, };

/**
 * A custom role. Who holds it has its rights beside those of its other roles.
 */
export type CustomRole = { 
/**
 * Stable id.
 */
id: CustomRoleId, 
/**
 * Its name, unique in the workspace.
 */
name: CustomRoleName, 
/**
 * What its holders may do: names out of `GET /v1/workspaces/{workspace}/permissions`.
 */
permissions: Array<string>, 
/**
 * The least that its holders are in every room that they see; `listener`, which everybody is, gives nothing.
 */
roomRole: RoomRole, 
/**
 * How many hold it.
 */
memberCount: number, 
/**
 * When it was made.
 */
createdAt: Timestamp, };

/**
 * A custom role that somebody holds.
 */
export type HeldRole = { 
/**
 * Which.
 */
id: CustomRoleId, 
/**
 * Its name.
 */
name: CustomRoleName, };

/**
 * `POST /v1/workspaces/{workspace}/roles`.
 */
export type CreateCustomRoleRequest = { 
/**
 * Unique in the workspace.
 */
name: CustomRoleName, 
/**
 * What its holders may do. Without it nothing.
 */
permissions?: Array<string>, 
/**
 * The least that its holders are in every room that they see. Without it `listener`, which everybody is.
 */
roomRole?: RoomRole, };

/**
 * `PATCH /v1/workspaces/{workspace}/roles/{roleId}`: what is left out stays as it is.
 */
export type UpdateCustomRoleRequest = { 
/**
 * Unique in the workspace.
 */
name?: CustomRoleName, 
/**
 * All that its holders may do.
 */
permissions?: Array<string>, 
/**
 * The least that its holders are in every room that they see; `listener` takes that back.
 */
roomRole?: RoomRole, };

/**
 * A permission that a custom role can give.
 */
export type GrantablePermission = { 
/**
 * `<feature>.<entity>.<action>`
 */
name: string, 
/**
 * The feature that it is of.
 */
feature: string, 
/**
 * What it is, for people.
 */
about: string, };

/**
 * A feature that a workspace can switch off.
 */
export type OptionalFeature = "chat" | "calls" | "video" | "screen" | "whip" | "telemetry";

/**
 * Whether a workspace has a feature.
 */
export type FeatureSwitch = { 
/**
 * Which.
 */
feature: OptionalFeature, 
/**
 * Whether it is on.
 */
enabled: boolean, };

/**
 * `PUT /v1/workspaces/{workspace}/features/{feature}`.
 */
export type SetFeatureRequest = { 
/**
 * Whether it is to be on.
 */
enabled: boolean, };

/**
 * How far a feature of the server is.
 */
export type FeatureStatus = "starting" | "ok" | "unhealthy" | "failed";

/**
 * A feature of the server: in `GET /readyz` and `GET /v1/admin/features`.
 */
export type FeatureState = { 
/**
 * Its name, as the first word of its permissions.
 */
name: string, 
/**
 * What it is.
 */
title: string, 
/**
 * Whether the server is not ready without it.
 */
critical: boolean, 
/**
 * Whether workspaces can switch it off.
 */
optional: boolean, 
/**
 * How far it is.
 */
status: FeatureStatus, 
/**
 * What is wrong, for admins.
 */
detail?: string, };

/**
 * `POST /v1/telemetry`.
 */
export type TelemetryRequest = { 
/**
 * 1 to 100, in whatever order.
 */
events: Array<TelemetryEvent>, };

/**
 * Something that happened to a client. A session is the time in which a page holds a socket or looks for one.
 */
export type TelemetryEvent = { "type": "sessionBegan" } | { "type": "sessionEnded" } | { "type": "sessionCrashed" } | { "type": "reconnectTried" } | { "type": "reconnectSucceeded" } | { "type": "callSetUp" } | { "type": "callFailed", 
/**
 * How far it came.
 */
reason: CallFailure, } | { "type": "iceFailed" };

/**
 * Why a call could not be set up.
 */
export type CallFailure = "refused" | "unavailable" | "no_answer" | "no_path" | "no_channel" | "other";

/**
 * What a client asks for.
 */
export type ClientMessage = { "type": "ping", "payload": Record<symbol, never> } | { "type": "pong", "payload": Record<symbol, never> } | { "type": "room.join", "payload": { 
/**
 * Which.
 */
room: RoomSlug, } } | { "type": "room.leave", "payload": { 
/**
 * Which.
 */
room: RoomSlug, } } | { "type": "message.send", "payload": { 
/**
 * Where.
 */
room: RoomSlug, 
/**
 * What.
 */
text: MessageText, 
/**
 * The message it answers.
 */
replyTo?: MessageId, 
/**
 * Whom it mentions, by id: 20 at most.
 */
mentions?: Array<UserId>, 
/**
 * Files that one has uploaded to the room and not sent yet: 10 at most.
 */
attachments?: Array<AttachmentId>, } } | { "type": "message.edit", "payload": { 
/**
 * Where.
 */
room: RoomSlug, 
/**
 * Which.
 */
messageId: MessageId, 
/**
 * What it says from now on.
 */
text: MessageText, 
/**
 * Whom it mentions from now on.
 */
mentions?: Array<UserId>, } } | { "type": "message.delete", "payload": { 
/**
 * Where.
 */
room: RoomSlug, 
/**
 * Which.
 */
messageId: MessageId, } } | { "type": "message.react", "payload": { 
/**
 * Where.
 */
room: RoomSlug, 
/**
 * To which.
 */
messageId: MessageId, 
/**
 * With what.
 */
emoji: ReactionEmoji, 
/**
 * `false` takes it back.
 */
on: boolean, } } | { "type": "message.pin", "payload": { 
/**
 * Where.
 */
room: RoomSlug, 
/**
 * Which.
 */
messageId: MessageId, 
/**
 * `false` takes it back.
 */
on: boolean, } } | { "type": "message.read", "payload": { 
/**
 * Where.
 */
room: RoomSlug, 
/**
 * The place of the last message that was seen.
 */
seq: number, } } | { "type": "typing", "payload": { 
/**
 * Where.
 */
room: RoomSlug, } } | { "type": "sync.resume", "payload": { 
/**
 * Where.
 */
room: RoomSlug, 
/**
 * The last number that the client knows. Absent: none.
 */
seq?: number, } } | { "type": "call.offer", "payload": { 
/**
 * Where. The client has joined it.
 */
room: RoomSlug, 
/**
 * The client's session description. A new `o=` session id makes a new connection, which replaces the old.
 */
sdp: string, } } | { "type": "call.ice", "payload": { 
/**
 * Where.
 */
room: RoomSlug, 
/**
 * As in `a=candidate`, or empty at the end.
 */
candidate: string, } } | { "type": "call.leave", "payload": { 
/**
 * Where.
 */
room: RoomSlug, } };

/**
 * The outer form of each server frame. `P` is what a payload is kept as.
 */
export type Answer = { "type": "ack", 
/**
 * The request's.
 */
requestId: string, 
/**
 * The request's type.
 */
eventType: string, 
/**
 * When it was answered.
 */
ts: Timestamp, 
/**
 * As the request's type says.
 */
payload: unknown, } | { "type": "nack", 
/**
 * The request's.
 */
requestId: string, 
/**
 * The request's type.
 */
eventType: string, 
/**
 * When it was answered.
 */
ts: Timestamp, 
/**
 * For programs.
 */
code: ErrorCode, 
/**
 * For people: what is wrong, and the cure.
 */
message: string, 
/**
 * Earliest time of another try.
 */
retryAfterMs?: number, };

/**
 * What the server tells without being asked. `P` is what a [`Participant`] is kept as.
 */
export type ServerMessage = { "type": "server.ready", "payload": { 
/**
 * This socket.
 */
sessionId: SessionId, 
/**
 * Who it belongs to.
 */
user: User, 
/**
 * The server pings this often and closes after somewhat more than two silent intervals.
 */
heartbeatMs: number, } } | { "type": "ping", "payload": Record<symbol, never> } | { "type": "pong", "payload": Record<symbol, never> } | { "type": "presence.update", "payload": PresenceUpdate } | { "type": "message.new", "payload": { 
/**
 * What.
 */
message: Message, } } | { "type": "message.changed", "payload": { 
/**
 * As it is now.
 */
message: Message, } } | { "type": "room.moved", "payload": { 
/**
 * Where it was.
 */
from: RoomSlug, 
/**
 * Where it is to go.
 */
to: RoomSlug, } } | { "type": "lobby.update", "payload": { 
/**
 * Where.
 */
room: RoomSlug, 
/**
 * Who.
 */
waiting: Array<Waiting>, } } | { "type": "room.admitted", "payload": { 
/**
 * Which.
 */
room: RoomSlug, } } | { "type": "room.refused", "payload": { 
/**
 * Which.
 */
room: RoomSlug, 
/**
 * Why.
 */
reason: RefusalReason, } } | { "type": "history.trimmed", "payload": { 
/**
 * Where.
 */
room: RoomSlug, 
/**
 * The smallest place that may still be there.
 */
firstSeq: number, } } | { "type": "typing", "payload": { 
/**
 * Where.
 */
room: RoomSlug, 
/**
 * Who.
 */
userId: UserId, 
/**
 * Name for people.
 */
displayName: DisplayName, } } | { "type": "notification.new", "payload": { 
/**
 * What.
 */
notification: Notification, 
/**
 * How many are not read, this one too; 100 means 100 or more.
 */
unreadCount: number, } } | { "type": "call.ringing", "payload": { 
/**
 * What.
 */
ringing: Ringing, } } | { "type": "call.ring_ended", "payload": { 
/**
 * Where.
 */
room: RoomSlug, 
/**
 * Which.
 */
callId: CallId, 
/**
 * Why.
 */
reason: RingEnd, } } | { "type": "call.answer", "payload": { 
/**
 * Where.
 */
room: RoomSlug, 
/**
 * The media node's session description, with all its candidates.
 */
sdp: string, } } | { "type": "call.ended", "payload": { 
/**
 * Where.
 */
room: RoomSlug, 
/**
 * Why.
 */
reason: EndReason, } };

/**
 * A change of who is in a room: `seq` grows by one with each update of a room. With `snapshot` the list starts anew
 * from `joined`; else `joined` and `changed` replace entries by `participantId`, and `left` removes them.
 */
export type PresenceUpdate = { 
/**
 * Where.
 */
room: RoomSlug, 
/**
 * Number of the update in its room.
 */
seq: number, 
/**
 * Whether it holds all.
 */
snapshot: boolean, 
/**
 * New ones.
 */
joined: Array<Participant>, 
/**
 * Gone ones.
 */
left: Array<ParticipantId>, 
/**
 * Changed ones.
 */
changed: Array<Participant>, };

/**
 * Payload of the `ack` to `room.join` and `call.leave`.
 */
export type RoomJoined = { 
/**
 * Where.
 */
room: RoomSlug, 
/**
 * Who the client is there.
 */
participantId: ParticipantId, 
/**
 * Who is there, the client too.
 */
participants: Array<Participant>, 
/**
 * The presence update that the list includes.
 */
seq: number, 
/**
 * The last number of the room's chat before the client came in: what follows is told. Absent after `call.leave`.
 */
chatSeq?: number, };

/**
 * Payload of the `ack` to `message.send` and to what changes a message.
 */
export type MessageSent = { 
/**
 * As it is now.
 */
message: Message, 
/**
 * Whether it was so before: by an earlier request with the same key, or because nothing had to change.
 */
duplicate: boolean, };

/**
 * A chat message.
 */
export type Message = { 
/**
 * Stable id.
 */
id: MessageId, 
/**
 * Where.
 */
room: RoomSlug, 
/**
 * Its place in the room: the number that it took when it was sent. 0 from a server that numbers nothing.
 */
seq: number, 
/**
 * The number of its last change; absent while it is as it was sent.
 */
changedSeq?: number, 
/**
 * Who.
 */
senderId: UserId, 
/**
 * The sender's name when it was sent.
 */
senderName: string, 
/**
 * What. Absent when it was deleted.
 */
text?: MessageText, 
/**
 * The message it answers.
 */
replyTo?: MessageId, 
/**
 * Whom it mentions.
 */
mentions?: Array<UserId>, 
/**
 * How people reacted, by first use.
 */
reactions?: Array<Reaction>, 
/**
 * Its files, in the order in which the sender named them.
 */
attachments?: Array<Attachment>, 
/**
 * When it was stored.
 */
createdAt: Timestamp, 
/**
 * When its text was changed last.
 */
editedAt?: Timestamp, 
/**
 * When it was deleted. What is left keeps its place.
 */
deletedAt?: Timestamp, 
/**
 * Since when it is pinned.
 */
pinnedAt?: Timestamp, };

/**
 * What people reacted with to a message.
 */
export type Reaction = { 
/**
 * With what.
 */
emoji: ReactionEmoji, 
/**
 * How many did.
 */
count: number, 
/**
 * Who did; at most 100 of them.
 */
userIds: Array<UserId>, };

/**
 * A file of a message. `GET /v1/attachments/{attachmentId}` has what is in it.
 */
export type Attachment = { 
/**
 * Stable id.
 */
id: AttachmentId, 
/**
 * What its sender calls it.
 */
name: FileName, 
/**
 * Its media type, as its content shows.
 */
type: string, 
/**
 * How large it is.
 */
sizeBytes: number, };

/**
 * Why somebody is notified.
 */
export type NotificationKind = "mention" | "reply" | "direct" | "missed_call";

/**
 * A call that an account did not come to.
 */
export type MissedCall = { 
/**
 * The direct room.
 */
room: RoomSlug, 
/**
 * Who called.
 */
callerId: UserId, 
/**
 * Its name for people, of now.
 */
callerName: DisplayName, };

/**
 * Something that an account is to see.
 */
export type Notification = { 
/**
 * Stable id. Ids grow with time.
 */
id: NotificationId, 
/**
 * Why.
 */
kind: NotificationKind, 
/**
 * The message, as it is now; absent of a missed call.
 */
message?: Message, 
/**
 * The call that was missed, which began when this was made; absent of all else.
 */
call?: MissedCall, 
/**
 * When.
 */
createdAt: Timestamp, 
/**
 * When it was read; absent until then.
 */
readAt?: Timestamp, };

/**
 * `GET /v1/notifications`.
 */
export type NotificationPage = { 
/**
 * Newest first. A page may be shorter than was asked for: what is in rooms that one may not read any more is left out.
 */
items: Array<Notification>, 
/**
 * Opaque; absent on the last page.
 */
nextCursor?: string, 
/**
 * How many are not read; 100 means 100 or more.
 */
unreadCount: number, };

/**
 * `POST /v1/rooms/{slug}/messages/{messageId}/report`.
 */
export type ReportMessageRequest = { 
/**
 * Why, in the reporter's words.
 */
reason: ReportReason, };

/**
 * A report of a message.
 */
export type Report = { 
/**
 * Stable id. Ids grow with time.
 */
id: ReportId, 
/**
 * Where it was said.
 */
room: RoomSlug, 
/**
 * The message, which may be gone.
 */
messageId: MessageId, 
/**
 * Who said it.
 */
senderId: UserId, 
/**
 * Its name now.
 */
senderName: DisplayName, 
/**
 * Who reports it.
 */
reporterId: UserId, 
/**
 * Its name now.
 */
reporterName: DisplayName, 
/**
 * What the message said when it was reported.
 */
text: MessageText, 
/**
 * Why it is reported.
 */
reason: ReportReason, 
/**
 * When.
 */
createdAt: Timestamp, 
/**
 * When an admin was done with it; absent until then.
 */
resolvedAt?: Timestamp, };

/**
 * `POST /v1/notifications/read`.
 */
export type ReadNotificationsRequest = { 
/**
 * This one and all before it are read.
 */
upTo: NotificationId, };

/**
 * How many are not read.
 */
export type UnreadNotifications = { 
/**
 * 100 means 100 or more.
 */
unreadCount: number, };

/**
 * Payload of the `ack` to `sync.resume`: what changed after a number, or the room's newest messages.
 */
export type ChatDelta = { 
/**
 * Where.
 */
room: RoomSlug, 
/**
 * Whether the client is to forget what it has and start anew from `messages`, the newest of the room by place. Else they are those
 * that changed, by the number of their last change, each once as it is now.
 */
snapshot: boolean, 
/**
 * Which.
 */
messages: Array<Message>, 
/**
 * Everything up to this number is told; ask for what follows it.
 */
seq: number, 
/**
 * Whether more is there already: ask again with `seq`.
 */
hasMore: boolean, 
/**
 * Messages of smaller places were deleted for good.
 */
firstSeq: number, 
/**
 * Of a snapshot: the cursor of older messages, for `GET /v1/rooms/{slug}/messages`.
 */
nextCursor?: string, };

/**
 * Payload of the `ack` to `message.read`.
 */
export type ReadPointer = { 
/**
 * Where.
 */
room: RoomSlug, 
/**
 * The highest number that was read.
 */
seq: number, };

/**
 * `POST /v1/direct`.
 */
export type BeginDirectRequest = { 
/**
 * With whom: another account that is in the workspace.
 */
userId: UserId, };

/**
 * Whether the two of a direct room can write to each other. What was said can be read in any case.
 */
export type DirectState = "open" | "refusing" | "refused" | "gone";

/**
 * The other one of a direct room.
 */
export type DirectPerson = { 
/**
 * Who.
 */
id: UserId, 
/**
 * Name for people.
 */
displayName: DisplayName, 
/**
 * Whether it has a socket open in the workspace now. Never of somebody who refuses the caller's messages.
 */
online: boolean, };

/**
 * A direct room, as one of its two sees it. Its chat and its call are those of a room.
 */
export type DirectRoom = { 
/**
 * Stable id.
 */
id: RoomId, 
/**
 * Its name in addresses.
 */
room: RoomSlug, 
/**
 * The other one.
 */
user: DirectPerson, 
/**
 * Whether they can write to each other.
 */
state: DirectState, 
/**
 * The number of the last change of its chat.
 */
lastSeq: number, 
/**
 * Up to where the caller has read it.
 */
readSeq: number, 
/**
 * Messages of the other after that; 100 means 100 or more.
 */
unreadCount: number, 
/**
 * When something was said last; when it was begun, while nothing is.
 */
lastAt: Timestamp, 
/**
 * The call that rings in it now.
 */
ringing?: Ringing, };

/**
 * Somebody calls the other one of a direct room.
 */
export type Ringing = { 
/**
 * Where.
 */
room: RoomSlug, 
/**
 * Which call: the same each time that it is told.
 */
callId: CallId, 
/**
 * Who calls.
 */
callerId: UserId, 
/**
 * Its name for people.
 */
callerName: DisplayName, 
/**
 * It rings no longer than until then.
 */
endsAt: Timestamp, };

/**
 * Why a call rings no more.
 */
export type RingEnd = "answered" | "declined" | "missed";

/**
 * Somebody whose direct messages the caller refuses.
 */
export type BlockedUser = { 
/**
 * Who.
 */
userId: UserId, 
/**
 * Name for people.
 */
displayName: DisplayName, 
/**
 * Since when.
 */
createdAt: Timestamp, };

/**
 * What a track shows or sounds.
 */
export type TrackSource = "microphone" | "camera" | "screen" | "screenAudio";

/**
 * What a participant may do with media. Nothing, unless said: rights fail closed.
 */
export type MediaPermissions = { 
/**
 * May receive tracks and data.
 */
subscribe: boolean, 
/**
 * May publish a microphone.
 */
microphone: boolean, 
/**
 * May publish a camera.
 */
camera: boolean, 
/**
 * May publish a screen and its sound.
 */
screen: boolean, 
/**
 * May send data messages.
 */
data: boolean, 
/**
 * Is not told to others. No right but a restriction: who is hidden sends nothing, whatever else is allowed, since
 * everything that is sent says whose it is.
 */
hidden: boolean, };

/**
 * From a client to its shard.
 */
export type ClientCallMessage = { "type": "publish", 
/**
 * Grows with each `publish`.
 */
rev: number, 
/**
 * At most one entry for each sending section of the offer.
 */
tracks: Array<Publication>, } | { "type": "subscribe", 
/**
 * Grows with each `subscribe`.
 */
rev: number, 
/**
 * At most one entry for each receiving section of the offer.
 */
slots: Array<SlotWish>, } | { "type": "ack", 
/**
 * What it has taken.
 */
of: ServerStateKind, 
/**
 * Its revision.
 */
rev: number, };

/**
 * One sending section of the client's offer, and what it carries.
 *
 * Until a client has sent `publish`, a section that media arrives on is published by its place: the first audio
 * section is the microphone, the second a screen's sound; the first video section is the camera, the second a screen;
 * and it is withdrawn when nothing arrived for 5 s.
 */
export type Publication = { 
/**
 * The section's `a=mid`.
 */
mid: string, 
/**
 * What it carries.
 */
source: TrackSource, 
/**
 * While true nothing of it is forwarded, whatever arrives.
 */
muted: boolean, 
/**
 * Height in pixels of the largest encoding, for pictures. Each smaller encoding is taken to have half the height
 * of the next. [`HEIGHT_ASSUMED`] when absent.
 */
height?: number, 
/**
 * Heights in pixels of all encodings, in the order of the offer, instead of `height`. Of two with the same height the
 * later one is the better.
 */
heights?: Array<number>, };

/**
 * What a client wants in one of its receiving sections (a slot).
 *
 * The default rule fills slots with screen shares first, then active speakers, then by order of arrival; a slot keeps
 * what it shows while that still qualifies. Audio slots carry the loudest voices and sounds of shared screens.
 */
export type SlotWish = { 
/**
 * The section's `a=mid`.
 */
mid: string, 
/**
 * How the slot is filled.
 */
mode: SlotMode, 
/**
 * The track of a pinned slot; ignored in other modes.
 */
track?: TrackNumber, 
/**
 * Largest useful height in pixels of what is shown; no limit when absent.
 */
heightMax?: number, 
/**
 * Higher is served first when bandwidth is short; when absent 2 for a screen, 1 for a camera.
 */
priority?: number, };

/**
 * How a slot is filled.
 */
export type SlotMode = "auto" | "pinned" | "off";

/**
 * The states that a shard sends under a revision.
 */
export type ServerStateKind = "tracks" | "slots" | "wanted";

/**
 * From a shard to a client.
 */
export type ServerCallMessage = { "type": "welcome", 
/**
 * Who the client is in the room.
 */
participantId: ParticipantId, 
/**
 * What it may do. Sent again when it changes.
 */
permissions: MediaPermissions, } | { "type": "tracks", 
/**
 * Grows with each `tracks` on this connection.
 */
rev: number, 
/**
 * By order of arrival.
 */
tracks: Array<TrackInfo>, } | { "type": "slots", 
/**
 * Grows with each `slots` on this connection.
 */
rev: number, 
/**
 * One for each receiving section, in the order of the offer.
 */
slots: Array<SlotState>, } | { "type": "wanted", 
/**
 * Grows with each `wanted` on this connection.
 */
rev: number, 
/**
 * One for each picture that the client publishes.
 */
tracks: Array<WantedTrack>, } | { "type": "speakers", 
/**
 * Without those that the level says are silent.
 */
participantIds: Array<ParticipantId>, } | { "type": "quality", 
/**
 * Estimated bandwidth towards the client, in bits per second.
 */
downlinkBps: number, 
/**
 * Share of the client's packets that did not arrive, 0 to 1.
 */
uplinkLossRatio: number, 
/**
 * Round-trip time, when it is known.
 */
rttMs?: number, } | { "type": "ack", 
/**
 * `publish` or `subscribe`.
 */
of: ClientStateKind, 
/**
 * Its revision.
 */
rev: number, } | { "type": "refused", 
/**
 * `publish` or `subscribe`; absent for what was not understood.
 */
of?: ClientStateKind, 
/**
 * Its revision.
 */
rev?: number, 
/**
 * What was wrong, and the cure.
 */
message: string, } | { "type": "resume", 
/**
 * To be kept secret: whoever has it can make the call stand still.
 */
token: string, 
/**
 * How long it counts from now.
 */
validMs: number, } | { "type": "draining", 
/**
 * When everybody who is left is ended, from now.
 */
deadlineMs?: number, } | { "type": "dataRefused", 
/**
 * On which channel the last of them came.
 */
kind: DataKind, 
/**
 * Why it was refused.
 */
reason: DataRefusal, 
/**
 * What was wrong with it, and the cure.
 */
message: string, 
/**
 * How many were refused since this was said last.
 */
count: number, } | { "type": "ended", 
/**
 * Why.
 */
reason: EndReason, };

/**
 * The states that a client sends under a revision.
 */
export type ClientStateKind = "publish" | "subscribe";

/**
 * A track of the room.
 */
export type TrackInfo = { 
/**
 * Its number, as in the CSRC list of its packets.
 */
track: TrackNumber, 
/**
 * Who publishes it.
 */
participantId: ParticipantId, 
/**
 * What it carries.
 */
source: TrackSource, 
/**
 * Whether nothing of it is forwarded now.
 */
muted: boolean, };

/**
 * What a slot carries now, and why.
 */
export type SlotState = { 
/**
 * The section's `a=mid`.
 */
mid: string, 
/**
 * The track; absent when the slot is empty.
 */
track?: TrackNumber, 
/**
 * Whose it is.
 */
participantId?: ParticipantId, 
/**
 * What it carries.
 */
source?: TrackSource, 
/**
 * Encoding that is forwarded (`a=rid`), for simulcast.
 */
rid?: string, 
/**
 * Why it is that encoding.
 */
reason?: LayerReason, };

/**
 * What is wanted of a published picture.
 */
export type WantedTrack = { 
/**
 * The section's `a=mid`.
 */
mid: string, 
/**
 * Its encodings, in the order of the offer; one without simulcast.
 */
encodings: Array<WantedEncoding>, 
/**
 * What the best subscriber can take, in bits per second. No limit when absent.
 */
bitrateBps?: number, 
/**
 * The codec to send, since somebody takes no other. The client's choice when absent.
 */
codec?: VideoCodec, };

/**
 * Whether an encoding is wanted.
 */
export type WantedEncoding = { 
/**
 * Its `a=rid`, for simulcast.
 */
rid?: string, 
/**
 * False when nobody watches it: the client need not send it.
 */
wanted: boolean, };

/**
 * A codec that the server asks for.
 */
export type VideoCodec = "vp8";

/**
 * Why a slot has the layer it has.
 */
export type LayerReason = "best" | "bandwidth" | "size" | "paused" | "codec";

/**
 * Why a participant's part in a call ended.
 */
export type EndReason = "left" | "kicked" | "banned" | "revoked" | "room_deleted" | "feature_disabled" | "timeout" | "replaced" | "drain" | "failed";

/**
 * Which of the two channels.
 */
export type DataKind = "reliable" | "lossy";

/**
 * The header of a message that a client sends.
 */
export type DataTo = { 
/**
 * For whom; the whole room when absent. Who is not there gets nothing, and the sender is not told.
 */
to?: Array<ParticipantId>, 
/**
 * What it is about, for programs.
 */
topic?: string, };

/**
 * The header of a message that a client receives.
 */
export type DataFrom = { 
/**
 * Who sent it: the server says so, not the sender.
 */
from: ParticipantId, 
/**
 * What it is about.
 */
topic?: string, } | { 
/**
 * How many.
 */
missed: number, };

/**
 * Why a data message was refused.
 */
export type DataRefusal = "forbidden" | "malformed" | "tooLarge" | "tooFast";
