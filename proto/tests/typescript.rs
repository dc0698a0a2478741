//! `sdk/typescript/src/proto.ts` is generated from this crate. `UPDATE=1 cargo test -p boltorezka-proto` writes it.

use std::fmt::Write;
use std::path::Path;

use boltorezka_proto::accounts::*;
use boltorezka_proto::admin::*;
use boltorezka_proto::admission::ConnectionState;
use boltorezka_proto::call::*;
use boltorezka_proto::custom_roles::*;
use boltorezka_proto::data::*;
use boltorezka_proto::direct::*;
use boltorezka_proto::inspection::Carrier;
use boltorezka_proto::notifications::*;
use boltorezka_proto::oidc::*;
use boltorezka_proto::passkeys::*;
use boltorezka_proto::push::*;
use boltorezka_proto::reports::*;
use boltorezka_proto::rest::*;
use boltorezka_proto::rooms::*;
use boltorezka_proto::socket::*;
use boltorezka_proto::telemetry::*;
use boltorezka_proto::webhooks::*;
use boltorezka_proto::workspaces::*;
use boltorezka_proto::*;
use ts_rs::{Config, TS};

macro_rules! declarations {
    ($($type:ty),* $(,)?) => {{
        let config = Config::default().with_large_int("number");
        let mut text = String::from("// Generated from the crate boltorezka-proto. Do not edit.\n");
        $(
            let docs = <$type as TS>::docs().unwrap_or_default();
            write!(text, "\n{docs}export {}\n", <$type as TS>::decl(&config)).unwrap();
        )*
        text
    }};
}

#[test]
fn typescript_is_up_to_date() {
    let generated = declarations![
        // ids, texts, errors
        UserId,
        ParticipantId,
        RoomId,
        WorkspaceId,
        MessageId,
        AttachmentId,
        NotificationId,
        CallId,
        ReportId,
        WebhookId,
        EventId,
        SessionId,
        LoginId,
        InviteId,
        ApiKeyId,
        AuditId,
        CustomRoleId,
        TrackNumber,
        Timestamp,
        RoomSlug,
        RoomTitle,
        RoomCategory,
        WorkspaceSlug,
        WorkspaceTitle,
        CustomRoleName,
        DisplayName,
        MessageText,
        ReportReason,
        ReactionEmoji,
        FileName,
        ErrorCode,
        Problem,
        // rest
        Role,
        RoomRole,
        RoomKind,
        User,
        UserEnvelope,
        SetupRequest,
        RegisterRequest,
        LoginRequest,
        TicketResponse,
        JoinTokenRequest,
        JoinTokenResponse,
        Room,
        RoomSettings,
        RoomSettingsChange,
        CreateRoomRequest,
        UpdateRoomRequest,
        Page<Room>,
        Member,
        SetMemberRequest,
        Ban,
        CreateRoomInviteRequest,
        Waiting,
        RefusalReason,
        RoomInvite,
        RoomInviteCreated,
        RedeemRoomInviteRequest,
        RoomInviteRedeemed,
        Participant,
        CallState,
        MuteRequest,
        MoveRequest,
        PromoteRequest,
        ResumeRequest,
        ResumeResponse,
        MediaState,
        DrainRequest,
        // accounts
        AccountState,
        Me,
        Account,
        AccountEnvelope,
        Session,
        Sessions,
        ChangePasswordRequest,
        CreateInviteRequest,
        Invite,
        InviteCreated,
        CreateApiKeyRequest,
        ApiKey,
        ApiKeyCreated,
        LinkKind,
        ForgotPasswordRequest,
        ResetPasswordRequest,
        VerifyEmailRequest,
        CreateLinkRequest,
        LinkCreated,
        EnrolSecondFactorRequest,
        SecondFactorSecret,
        ConfirmSecondFactorRequest,
        RecoveryCodes,
        DisableSecondFactorRequest,
        Export,
        ExportedRole,
        ExportedAct,
        ExportedMessage,
        DeleteMeRequest,
        DeletionPlanned,
        // signing in by a provider
        OidcStatus,
        OidcProvider,
        BeginOidcRequest,
        LinkOidcRequest,
        OidcBegun,
        OidcSecondFactorRequest,
        OidcLinkStatus,
        OidcLink,
        OidcError,
        // passkeys
        PasskeyId,
        PasskeyName,
        Passkey,
        Passkeys,
        BeginPasskeyRequest,
        PasskeyCreation,
        AddPasskeyRequest,
        RenamePasskeyRequest,
        PasskeyChallenge,
        PasskeySignInRequest,
        // web push
        PushSubscriptionId,
        PushSubscription,
        PushStatus,
        SubscribePushRequest,
        UpdatePushRequest,
        PushNotice,
        // admin
        AuditActor,
        AuditEntry,
        AdminRoom,
        AdminParticipant,
        ParticipantConnection,
        ParticipantTrack,
        ConnectionState,
        Carrier,
        OutboxTopic,
        OutboxEvent,
        DeadLetter,
        SettingSource,
        AdminSetting,
        // webhooks
        WebhookEvent,
        WebhookEventType,
        WebhookBody,
        CreateWebhookRequest,
        Webhook,
        CreatedWebhook,
        WebhookDelivery,
        // workspaces
        WorkspaceRole,
        Workspace,
        CreateWorkspaceRequest,
        UpdateWorkspaceRequest,
        WorkspaceMember,
        SetWorkspaceMemberRequest,
        CustomRole,
        HeldRole,
        CreateCustomRoleRequest,
        UpdateCustomRoleRequest,
        GrantablePermission,
        OptionalFeature,
        FeatureSwitch,
        SetFeatureRequest,
        FeatureStatus,
        FeatureState,
        // telemetry
        TelemetryRequest,
        TelemetryEvent,
        CallFailure,
        // socket
        ClientMessage,
        Answer,
        ServerMessage,
        PresenceUpdate,
        RoomJoined,
        MessageSent,
        Message,
        Reaction,
        Attachment,
        NotificationKind,
        MissedCall,
        Notification,
        NotificationPage,
        ReportMessageRequest,
        Report,
        ReadNotificationsRequest,
        UnreadNotifications,
        ChatDelta,
        ReadPointer,
        // direct
        BeginDirectRequest,
        DirectState,
        DirectPerson,
        DirectRoom,
        Ringing,
        RingEnd,
        BlockedUser,
        // call
        TrackSource,
        MediaPermissions,
        ClientCallMessage,
        Publication,
        SlotWish,
        SlotMode,
        ServerStateKind,
        ServerCallMessage,
        ClientStateKind,
        TrackInfo,
        SlotState,
        WantedTrack,
        WantedEncoding,
        VideoCodec,
        LayerReason,
        EndReason,
        // data
        DataKind,
        DataTo,
        DataFrom,
        DataRefusal,
    ];
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/typescript/src/proto.ts");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == generated, "{} is stale: run UPDATE=1 cargo test -p boltorezka-proto", path.display());
}
