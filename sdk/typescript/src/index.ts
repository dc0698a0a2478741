/**
 * Client library of Boltorezka. A `Client` speaks HTTP, a `Gateway` holds the socket, a `Room` is a stay in a room with
 * its `chat` and its `call`; `LocalMedia` is the person's own devices.
 */

export type { AuditFilter } from './admin.ts';
export { Call } from './call/call.ts';
export type { CallEvents, CallState, DataOptions, DataRefused } from './call/call-events.ts';
export { DATA_BYTES_MAX, type DataMessage } from './call/data.ts';
export { mayPublish } from './call/publications.ts';
export { type CallQuality, type QualityLevel, qualityLevel } from './call/quality.ts';
export type { Track } from './call/track.ts';
export { Client, type ClientOptions } from './client.ts';
export { type ChangeEvents, Emitter, Observable } from './emitter.ts';
export { BoltorezkaError, codeOf, type FailureCode, ProblemError } from './errors.ts';
export { AudioOutput } from './media/audio-output.ts';
export { type DeviceChoice, type DeviceKind, LocalMedia, type LocalMediaEvents } from './media/local-media.ts';
export type { MediaProblem } from './media/problems.ts';
export { canUsePasskeys } from './passkeys.ts';
export type {
  Account,
  AccountState,
  AdminParticipant,
  AdminRoom,
  AdminSetting,
  ApiKey,
  Attachment,
  AuditActor,
  AuditEntry,
  BlockedUser,
  CallState as PresenceCallState,
  CreateCustomRoleRequest,
  CreateRoomRequest,
  CustomRole,
  DataKind,
  DeadLetter,
  DirectRoom,
  EndReason,
  ErrorCode,
  Export,
  FeatureState,
  FeatureSwitch,
  GrantablePermission,
  HeldRole,
  LayerReason,
  LinkKind,
  Me,
  MediaPermissions,
  MediaState,
  Member,
  Message,
  Notification,
  NotificationPage,
  OidcError,
  OidcLink,
  OidcProvider,
  OptionalFeature,
  OutboxEvent,
  Page,
  Participant as PresenceEntry,
  Passkey,
  Problem,
  PushNotice,
  PushStatus,
  PushSubscription as PushedBrowser,
  Report,
  Ringing,
  Role,
  Room as RoomInfo,
  RoomKind,
  RoomRole,
  ServerMessage,
  Session,
  SettingSource,
  TrackSource,
  UpdateCustomRoleRequest,
  User,
  Waiting,
  Workspace,
  WorkspaceMember,
  WorkspaceRole,
} from './proto.ts';
export { Gateway, type GatewayEnd, type GatewayEvents, type GatewayState } from './realtime/gateway.ts';
export { Chat, type ChatEvents, type ChatOptions } from './room/chat.ts';
export type { MessageExtras, OutboxStorage, PendingMessage } from './room/outbox.ts';
export type { Participant } from './room/participant.ts';
export { Room, type RoomEnd, type RoomEvents, type RoomState } from './room/room.ts';
export type { PageOptions } from './send.ts';
export type { UploadOptions } from './upload.ts';
