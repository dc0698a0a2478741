//! Who may do what with media: room role ∩ kind of room ∩ the token's grant ∩ what moderators took. Pure.

use boltorezka_proto::call::{MediaPermissions, TrackSource};
use boltorezka_proto::rest::RoomKind;

use crate::permissions::Action;
use crate::store::Standing;

/// A set of [`MediaPermissions`] as the database keeps it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PermissionBits(pub i64);

const SUBSCRIBE: i64 = 1;
const MICROPHONE: i64 = 2;
const CAMERA: i64 = 4;
const SCREEN: i64 = 8;
const DATA: i64 = 16;
const HIDDEN: i64 = 32;
/// Of tickets and seats alone: no right to media.
const PASSES_LOBBY: i64 = 64;

impl PermissionBits {
    /// Whoever has it is not told to others.
    pub const HIDDEN: Self = Self(HIDDEN);

    /// Whoever has it does not wait in a lobby.
    pub const PASSES_LOBBY: Self = Self(PASSES_LOBBY);

    /// The bit that publishing `source` needs.
    pub fn of_source(source: TrackSource) -> Self {
        Self(match source {
            TrackSource::Microphone => MICROPHONE,
            TrackSource::Camera => CAMERA,
            TrackSource::Screen | TrackSource::ScreenAudio => SCREEN,
        })
    }

    /// Whether who has it is not told to others.
    pub fn is_hidden(self) -> bool {
        self.0 & HIDDEN != 0
    }

    /// Whether who has it does not wait in a lobby.
    pub fn passes_lobby(self) -> bool {
        self.0 & PASSES_LOBBY != 0
    }

    /// With `other` set or cleared.
    pub fn with(self, other: Self, set: bool) -> Self {
        Self(if set { self.0 | other.0 } else { self.0 & !other.0 })
    }
}

impl From<MediaPermissions> for PermissionBits {
    fn from(permissions: MediaPermissions) -> Self {
        let bit = |set: bool, bit: i64| if set { bit } else { 0 };
        Self(
            bit(permissions.subscribe, SUBSCRIBE)
                | bit(permissions.microphone, MICROPHONE)
                | bit(permissions.camera, CAMERA)
                | bit(permissions.screen, SCREEN)
                | bit(permissions.data, DATA)
                | bit(permissions.hidden, HIDDEN),
        )
    }
}

impl From<PermissionBits> for MediaPermissions {
    fn from(bits: PermissionBits) -> Self {
        Self {
            subscribe: bits.0 & SUBSCRIBE != 0,
            microphone: bits.0 & MICROPHONE != 0,
            camera: bits.0 & CAMERA != 0,
            screen: bits.0 & SCREEN != 0,
            data: bits.0 & DATA != 0,
            hidden: bits.0 & HIDDEN != 0,
        }
    }
}

/// What somebody with `standing` may do in a room of `kind`, with the token's grant and without what was taken.
pub fn media_permissions(
    standing: Standing,
    kind: RoomKind,
    token: PermissionBits,
    muted: PermissionBits,
) -> MediaPermissions {
    let of_role = MediaPermissions {
        subscribe: Action::Subscribe.is_open_to(standing),
        microphone: Action::PublishMicrophone.is_open_to(standing),
        camera: Action::PublishCamera.is_open_to(standing),
        screen: Action::PublishScreen.is_open_to(standing),
        data: Action::SendData.is_open_to(standing),
        hidden: false,
    };
    let of_kind = match kind {
        RoomKind::Text => MediaPermissions::default(),
        RoomKind::Voice => {
            MediaPermissions { subscribe: true, microphone: true, data: true, ..MediaPermissions::default() }
        }
        RoomKind::Video | RoomKind::Direct => MediaPermissions::ALL,
    };
    // Hiding is no right that a mute could leave.
    let not_muted = PermissionBits(!muted.0 & !HIDDEN).into();
    of_role.and(of_kind).and(token.into()).and(not_muted)
}

#[cfg(test)]
mod tests {
    use boltorezka_proto::rest::{Role, RoomRole};
    use boltorezka_proto::workspaces::WorkspaceRole;

    use super::*;
    use crate::permissions::Grants;

    const ALL: PermissionBits = PermissionBits(31);
    const NONE: PermissionBits = PermissionBits(0);

    fn of(role: RoomRole) -> Standing {
        Standing::new(Role::User, WorkspaceRole::Member, Some(role), false)
    }

    #[test]
    fn bits_round_trip() {
        for bits in 0..64 {
            assert_eq!(PermissionBits::from(MediaPermissions::from(PermissionBits(bits))).0, bits);
        }
    }

    #[test]
    fn each_side_can_only_take_away() {
        let all = media_permissions(of(RoomRole::Member), RoomKind::Video, ALL, NONE);
        assert_eq!(all, MediaPermissions::ALL);
        let voice = media_permissions(of(RoomRole::Owner), RoomKind::Voice, ALL, NONE);
        assert!(voice.microphone && voice.subscribe && voice.data && !voice.camera && !voice.screen);
        assert_eq!(media_permissions(of(RoomRole::Owner), RoomKind::Text, ALL, NONE), MediaPermissions::default());
        let listener = media_permissions(of(RoomRole::Listener), RoomKind::Video, ALL, NONE);
        assert_eq!(listener, MediaPermissions { subscribe: true, ..MediaPermissions::default() });
        let muted = PermissionBits::of_source(TrackSource::Microphone);
        assert!(!media_permissions(of(RoomRole::Member), RoomKind::Video, ALL, muted).microphone);
        assert_eq!(media_permissions(of(RoomRole::Member), RoomKind::Video, NONE, NONE), MediaPermissions::default());
        let hidden = media_permissions(of(RoomRole::Owner), RoomKind::Video, PermissionBits(ALL.0 | HIDDEN), NONE);
        assert!(hidden.hidden && hidden.subscribe && !hidden.may_send_data());
        assert!(!all.hidden);
    }

    #[test]
    fn a_custom_role_adds_to_the_one_in_the_room_and_to_nothing_else() {
        let grants = Grants::new(&[Action::PublishMicrophone, Action::PublishCamera], RoomRole::Listener);
        let standing = of(RoomRole::Listener).granted(grants);
        let may = |kind, token, muted| media_permissions(standing, kind, token, muted);
        let given = MediaPermissions { subscribe: true, microphone: true, camera: true, ..MediaPermissions::default() };
        assert_eq!(may(RoomKind::Video, ALL, NONE), given);
        assert!(!may(RoomKind::Voice, ALL, NONE).camera, "the kind of room");
        assert!(!may(RoomKind::Video, ALL, PermissionBits::of_source(TrackSource::Camera)).camera, "a mute");
        assert_eq!(may(RoomKind::Video, NONE, NONE), MediaPermissions::default(), "what a token does not grant");
    }

    #[test]
    fn passing_the_lobby_is_no_right_to_media() {
        let bits = NONE.with(PermissionBits::PASSES_LOBBY, true);
        assert!(bits.passes_lobby() && !ALL.passes_lobby());
        assert_eq!(media_permissions(of(RoomRole::Owner), RoomKind::Video, bits, NONE), MediaPermissions::default());
    }

    #[test]
    fn a_screen_and_its_sound_share_a_right() {
        let screen = PermissionBits::of_source(TrackSource::ScreenAudio);
        assert_eq!(ALL.with(screen, false).with(screen, true), ALL);
        assert!(!MediaPermissions::from(ALL.with(screen, false)).screen);
    }
}
