//! How large pictures and sounds are, and when they come: measured once with libvpx and libopus in their real-time modes.

/// Delta pictures of a camera at a steady rate, in 1/64 of their mean: libvpx, 640x360, constant bit rate.
const PICTURES: [u32; 60] = [
    72, 66, 69, 68, 67, 66, 70, 68, 65, 68, 62, 76, 64, 71, 67, 78, 56, 61, 69, 65, 61, 62, 66, 63, 60, 63, 62, 72, 64,
    60, 67, 62, 60, 67, 58, 62, 69, 62, 64, 63, 67, 63, 62, 68, 64, 64, 65, 64, 62, 63, 67, 63, 64, 66, 64, 62, 68, 59,
    66, 64,
];
const PICTURE_UNIT: u32 = 64;
/// A keyframe, in means. libwebrtc lets one take several times its share.
const KEYFRAME_MEANS: u32 = 5;
/// Pictures after a keyframe, in 1/64 of the mean: the encoder pays back what that took.
const AFTER_KEYFRAME: [u32; 7] = [3, 9, 24, 32, 36, 40, 48];

/// Packets of 20 ms of speech at 32 kb/s in bytes: libopus, variable bit rate.
const SPEECH: [u16; 200] = [
    67, 64, 66, 57, 60, 60, 59, 61, 60, 60, 62, 89, 88, 82, 98, 82, 90, 83, 78, 90, 91, 79, 73, 78, 80, 75, 68, 82, 83,
    75, 65, 90, 88, 87, 92, 86, 79, 82, 85, 79, 78, 81, 84, 93, 84, 68, 64, 62, 65, 88, 92, 90, 95, 80, 84, 85, 75, 78,
    79, 88, 71, 79, 92, 90, 81, 78, 78, 98, 79, 78, 94, 92, 76, 87, 85, 96, 72, 89, 100, 89, 85, 80, 76, 78, 83, 76,
    73, 85, 83, 67, 63, 66, 69, 74, 89, 84, 89, 89, 97, 78, 79, 85, 83, 80, 82, 68, 66, 68, 69, 78, 87, 94, 100, 82,
    84, 83, 79, 84, 88, 67, 62, 85, 82, 88, 87, 82, 84, 89, 80, 91, 75, 83, 75, 74, 90, 87, 92, 80, 89, 90, 89, 80, 76,
    86, 89, 86, 94, 89, 85, 76, 75, 84, 86, 84, 90, 101, 91, 82, 86, 76, 81, 86, 80, 75, 76, 81, 83, 85, 80, 76, 73,
    76, 67, 84, 89, 80, 82, 80, 83, 81, 95, 86, 82, 89, 85, 83, 80, 87, 87, 80, 77, 73, 85, 91, 93, 74, 70, 70, 76, 76,
];
/// Packets of a silence (DTX): one byte each 400 ms says that it goes on.
const SILENCE_BYTES: u16 = 1;
const SILENCE_EVERY: u32 = 20;
/// Length of a silence in packets of 20 ms: a fifth of the time, as of somebody who holds a talk.
const SILENCE_PACKETS: u32 = 50;

/// Time between two sounds.
pub const SOUND_NS: u64 = 20_000_000;
/// Ticks of Opus's clock in that time.
pub const SOUND_TICKS: u32 = 960;

/// A picture's size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Picture {
    /// Its length in bytes, without RTP.
    pub bytes: u32,
    /// Whether it can be decoded by itself.
    pub is_keyframe: bool,
}

/// An encoding of a camera.
#[derive(Clone, Debug)]
pub struct Camera {
    mean_bytes: u32,
    position: usize,
    since_keyframe: usize,
}

impl Camera {
    /// A camera of a rate; `phase` makes two of them differ.
    pub fn new(bitrate_bps: u32, fps: u32, phase: usize) -> Self {
        Self { mean_bytes: bitrate_bps / 8 / fps.max(1), position: phase, since_keyframe: usize::MAX }
    }

    /// The next picture.
    pub fn picture(&mut self, is_keyframe: bool) -> Picture {
        if is_keyframe {
            self.since_keyframe = 0;
            return Picture { bytes: self.mean_bytes * KEYFRAME_MEANS, is_keyframe };
        }
        let after = AFTER_KEYFRAME.get(self.since_keyframe).copied();
        self.since_keyframe = self.since_keyframe.saturating_add(1);
        self.position = (self.position + 1) % PICTURES.len();
        let units = after.or(PICTURES.get(self.position).copied()).unwrap_or(PICTURE_UNIT);
        // The smallest that libvpx makes: a header and nothing changed.
        Picture { bytes: (self.mean_bytes * units / PICTURE_UNIT).max(40), is_keyframe }
    }
}

/// A sound: 20 ms of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sound {
    /// Length in bytes.
    pub bytes: u16,
    /// Whether somebody speaks.
    pub is_voice: bool,
    /// Level in −dBov.
    pub level: u8,
    /// Whether it is the first after a silence.
    pub is_first: bool,
}

/// A microphone with DTX.
#[derive(Clone, Debug)]
pub struct Microphone {
    position: u32,
}

impl Microphone {
    /// A microphone; `phase` makes two of them differ.
    pub fn new(phase: u32) -> Self {
        Self { position: phase }
    }

    /// What the next 20 ms send; nothing within silences.
    pub fn sound(&mut self) -> Option<Sound> {
        let period = SPEECH.len() as u32 + SILENCE_PACKETS;
        self.position = (self.position + 1) % period;
        match SPEECH.get(self.position as usize) {
            Some(&bytes) => {
                // Louder syllables take more bits.
                let level = 60u16.saturating_sub(bytes / 3).clamp(18, 50) as u8;
                Some(Sound { bytes, is_voice: true, level, is_first: self.position == 0 })
            }
            None => {
                let silent = self.position - SPEECH.len() as u32;
                let sound = Sound { bytes: SILENCE_BYTES, is_voice: false, level: 90, is_first: false };
                silent.is_multiple_of(SILENCE_EVERY).then_some(sound)
            }
        }
    }
}

/// Lengths of the packets of a picture, as libwebrtc cuts it: as few as fit, as equal as can be, the larger ones last.
pub fn cut(bytes: u32, most: u32) -> impl Iterator<Item = u32> {
    let count = bytes.div_ceil(most.max(1)).max(1);
    let (length, larger) = (bytes / count, bytes % count);
    (0..count).map(move |n| if n >= count - larger { length + 1 } else { length })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_keeps_its_rate_through_keyframes() {
        for keyframe_each in [100_000, 90] {
            let mut camera = Camera::new(1_000_000, 30, 17);
            let bytes: u32 = (0..900).map(|n| camera.picture(n % keyframe_each == 50).bytes).sum();
            let bps = f64::from(bytes) * 8.0 / 30.0;
            assert!((950_000.0..1_050_000.0).contains(&bps), "{bps}");
        }
    }

    #[test]
    fn a_keyframe_is_larger_and_paid_back() {
        let mut camera = Camera::new(1_200_000, 30, 0);
        assert_eq!(camera.picture(true), Picture { bytes: 25_000, is_keyframe: true });
        assert!(camera.picture(false).bytes < 500);
    }

    #[test]
    fn a_microphone_speaks_four_fifths_of_the_time_and_is_silent_with_dtx() {
        let mut microphone = Microphone::new(30);
        let sounds: Vec<_> = (0..2500).filter_map(|_| microphone.sound()).collect();
        assert_eq!(sounds.iter().filter(|sound| sound.is_voice).count(), 2000);
        assert_eq!(sounds.iter().filter(|sound| !sound.is_voice).count(), 30);
        assert_eq!(sounds.iter().filter(|sound| sound.is_first).count(), 10);
        let bytes: u32 = sounds.iter().map(|sound| u32::from(sound.bytes)).sum();
        let bps = f64::from(bytes) * 8.0 / 50.0;
        assert!((20_000.0..32_000.0).contains(&bps), "{bps}");
    }

    #[test]
    fn pictures_are_cut_about_equally() {
        assert_eq!(cut(4167, 1164).collect::<Vec<_>>(), [1041, 1042, 1042, 1042]);
        assert_eq!(cut(40, 1164).collect::<Vec<_>>(), [40]);
        assert_eq!(cut(2328, 1164).collect::<Vec<_>>(), [1164, 1164]);
        assert!(cut(9_999, 1164).all(|length| length <= 1164));
        assert_eq!(cut(9_999, 1164).sum::<u32>(), 9_999);
    }
}
