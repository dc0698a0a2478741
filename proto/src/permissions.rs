//! What a participant may do in a call.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::call::TrackSource;

/// What a participant may do with media. Nothing, unless said: rights fail closed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MediaPermissions {
    /// May receive tracks and data.
    pub subscribe: bool,
    /// May publish a microphone.
    pub microphone: bool,
    /// May publish a camera.
    pub camera: bool,
    /// May publish a screen and its sound.
    pub screen: bool,
    /// May send data messages.
    pub data: bool,
    /// Is not told to others. No right but a restriction: who is hidden sends nothing, whatever else is allowed, since
    /// everything that is sent says whose it is.
    pub hidden: bool,
}

impl MediaPermissions {
    /// Everything.
    pub const ALL: Self =
        Self { subscribe: true, microphone: true, camera: true, screen: true, data: true, hidden: false };

    /// Whether a track of `source` may be published.
    pub fn may_publish(self, source: TrackSource) -> bool {
        let is_allowed = match source {
            TrackSource::Microphone => self.microphone,
            TrackSource::Camera => self.camera,
            TrackSource::Screen | TrackSource::ScreenAudio => self.screen,
        };
        is_allowed && !self.hidden
    }

    /// Whether data messages may be sent.
    pub fn may_send_data(self) -> bool {
        self.data && !self.hidden
    }

    /// Whether nothing at all is allowed.
    pub fn is_nothing(self) -> bool {
        let may_send = self.microphone || self.camera || self.screen || self.data;
        !self.subscribe && (self.hidden || !may_send)
    }

    /// What both allow. Hidden is who either hides.
    pub fn and(self, other: Self) -> Self {
        Self {
            subscribe: self.subscribe && other.subscribe,
            microphone: self.microphone && other.microphone,
            camera: self.camera && other.camera,
            screen: self.screen && other.screen,
            data: self.data && other.data,
            hidden: self.hidden || other.hidden,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_fail_closed() {
        let none: MediaPermissions = serde_json::from_str("{}").unwrap();
        assert_eq!(none, MediaPermissions::default());
        assert!(!none.may_publish(TrackSource::Microphone) && !none.subscribe && !none.may_send_data());
        let voice = MediaPermissions { microphone: true, ..none };
        assert!(MediaPermissions::ALL.and(voice).may_publish(TrackSource::Microphone));
        assert!(!MediaPermissions::ALL.and(voice).may_publish(TrackSource::ScreenAudio));
        assert!(!MediaPermissions::ALL.and(voice).may_send_data());
    }

    #[test]
    fn who_is_hidden_sends_nothing() {
        let hidden = MediaPermissions { hidden: true, ..MediaPermissions::default() };
        let all = MediaPermissions::ALL.and(hidden).and(MediaPermissions::ALL);
        assert!(all.hidden && all.is_nothing());
        let hidden = MediaPermissions { hidden: true, ..MediaPermissions::ALL };
        assert!(hidden.subscribe && !hidden.may_send_data() && !hidden.is_nothing());
        assert!(MediaPermissions { subscribe: false, ..hidden }.is_nothing());
        let sources = [TrackSource::Microphone, TrackSource::Camera, TrackSource::Screen, TrackSource::ScreenAudio];
        assert!(!sources.into_iter().any(|source| hidden.may_publish(source)));
    }
}
