//! What is said at the end.

use std::fmt::Write;
use std::time::Duration;

use boltorezka_sdk::call::{CallState, CallStats};
use boltorezka_sdk::media::RecordedFile;
use boltorezka_sdk::{EndReason, RoomSlug};
use serde_json::json;

/// The outcome of a call.
pub struct Report<'a> {
    /// Where.
    pub room: RoomSlug,
    /// The last state.
    pub state: &'a CallState,
    /// The final counts.
    pub stats: &'a CallStats,
    /// The complete files.
    pub recorded: &'a [RecordedFile],
    /// Since joining began.
    pub stayed: Duration,
    /// Why the call is over.
    pub reason: EndReason,
}

impl Report<'_> {
    /// One JSON object on one line. Times in milliseconds, counts since the call began.
    pub fn to_json(&self) -> String {
        let stats = self.stats;
        let ms = |time: Option<Duration>| time.map(|time| time.as_millis() as u64);
        let slots: Vec<_> = stats
            .slots
            .iter()
            .map(|slot| {
                json!({
                    "mid": slot.mid,
                    "kind": if slot.is_video { "video" } else { "audio" },
                    "track": slot.track,
                    "packets": slot.packets,
                    "bytes": slot.bytes,
                    "packetsLost": slot.packets_lost,
                    "packetsRepaired": slot.packets_repaired,
                    "frames": slot.frames,
                    "keyframes": slot.keyframes,
                    "frameGaps": slot.frame_gaps,
                    "firstFrameMs": ms(slot.first_keyframe_after),
                })
            })
            .collect();
        let recorded: Vec<_> = self
            .recorded
            .iter()
            .map(|file| {
                json!({
                    "path": file.path,
                    "participantId": file.participant_id,
                    "source": file.source,
                    "frames": file.frames,
                    "durationMs": file.duration.as_millis() as u64,
                })
            })
            .collect();
        json!({
            "room": self.room,
            "participantId": self.state.participant_id,
            "endReason": self.reason,
            "durationMs": self.stayed.as_millis() as u64,
            "connectedMs": ms(stats.connected_after),
            "firstFrameMs": ms(stats.first_keyframe_after()),
            "tracks": self.state.tracks.len(),
            "packetsReceived": stats.rtp_packets_received,
            "packetsSent": stats.rtp_packets_sent,
            "framesSent": stats.frames_sent,
            "lossRatio": stats.loss_ratio(),
            "decryptFailures": stats.decrypt_failures,
            "slots": slots,
            "recorded": recorded,
        })
        .to_string()
    }

    /// A few lines for people.
    pub fn to_text(&self) -> String {
        let stats = self.stats;
        let mut text = format!("{} for {:.1} s: {:?}", self.room, self.stayed.as_secs_f64(), self.reason);
        let mut line = |arguments: std::fmt::Arguments<'_>| {
            text.push('\n');
            // Writing into a string does not fail.
            let _ = text.write_fmt(arguments);
        };
        if let Some(connected) = stats.connected_after {
            line(format_args!("connected {} ms after the offer", connected.as_millis()));
        }
        if let Some(first) = stats.first_keyframe_after() {
            line(format_args!("first frame {} ms after the offer", first.as_millis()));
        }
        line(format_args!("sent     {:>8} packets, {} frames", stats.rtp_packets_sent, stats.frames_sent));
        line(format_args!(
            "received {:>8} packets, {:.3} % lost, {} not decrypted",
            stats.rtp_packets_received,
            stats.loss_ratio() * 100.0,
            stats.decrypt_failures
        ));
        for slot in &stats.slots {
            let kind = if slot.is_video { "video" } else { "audio" };
            line(format_args!(
                "  {kind} slot {}: {} packets, {} lost, {} frames, {} keyframes",
                slot.mid, slot.packets, slot.packets_lost, slot.frames, slot.keyframes
            ));
        }
        for file in self.recorded {
            let (path, seconds) = (file.path.display(), file.duration.as_secs_f64());
            line(format_args!("recorded {path}: {} frames, {seconds:.1} s", file.frames));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use boltorezka_sdk::call::SlotStats;

    #[test]
    fn both_forms_hold_the_figures() {
        let slot = SlotStats { mid: "a1".into(), packets: 99, packets_lost: 1, frames: 50, ..SlotStats::default() };
        let stats = CallStats { slots: vec![slot], rtp_packets_received: 99, ..CallStats::default() };
        let report = Report {
            room: RoomSlug::new("stand-up").unwrap(),
            state: &CallState::default(),
            stats: &stats,
            recorded: &[],
            stayed: Duration::from_millis(2_500),
            reason: EndReason::Left,
        };
        let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
        assert_eq!(json["room"], "stand-up");
        assert_eq!(json["endReason"], "left");
        assert_eq!(json["durationMs"], 2500);
        assert_eq!(json["slots"][0]["packets"], 99);
        assert_eq!(json["lossRatio"], 0.01);
        let text = report.to_text();
        assert!(text.contains("1.000 % lost") && text.contains("audio slot a1: 99 packets, 1 lost"), "{text}");
    }
}
