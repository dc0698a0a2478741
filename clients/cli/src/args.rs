//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use boltorezka_sdk::TrackSource;
use boltorezka_sdk::call::{AUDIO_LEVEL_DEFAULT_DBOV, SLOTS_MAX};
use boltorezka_sdk::media::ANNEX_B_FPS_DEFAULT;
use clap::{Args as ClapArgs, Parser, Subcommand};

/// Takes part in Boltorezka calls without a browser.
#[derive(Parser, Debug)]
#[command(name = "boltorezka-cli", version, about)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Join a room's call; publish files, count what arrives, record it.
    Join(JoinArgs),
}

/// Options of `join`.
#[derive(ClapArgs, Debug)]
pub struct JoinArgs {
    /// Address of the server, like https://talk.example.
    #[arg(long)]
    pub url: String,
    /// Join token; BOLTOREZKA_TOKEN when absent, which keeps it out of the list of processes.
    #[arg(long)]
    pub token: Option<String>,
    /// Room; the one that the token names when absent.
    #[arg(long)]
    pub room: Option<String>,
    /// File to publish, again and again: Opus in Ogg; VP8, VP9 or AV1 in IVF; H.264 in Annex B. The first sound is the
    /// microphone, the second a screen's sound; the first picture is the camera, the second a screen. Name another
    /// source as in `screen=FILE`; give three files for a simulcast camera, smallest picture first, as in
    /// `camera=LOW,MIDDLE,HIGH`. May be repeated.
    #[arg(long, value_name = "[SOURCE=]FILE[,FILE,FILE]")]
    pub publish: Vec<String>,
    /// Play the files once.
    #[arg(long)]
    pub once: bool,
    /// Level of published sound in dBov, 0 the loudest, -127 silence: the server forwards the loudest.
    #[arg(long, default_value_t = AUDIO_LEVEL_DEFAULT_DBOV, allow_hyphen_values = true,
        value_parser = clap::value_parser!(i8).range(-127..=0))]
    pub audio_level: i8,
    /// Frames a second of H.264 files, which carry no time.
    #[arg(long, default_value_t = ANNEX_B_FPS_DEFAULT, value_parser = clap::value_parser!(u32).range(1..=120))]
    pub h264_fps: u32,
    /// Folder to record into, one file for each track: {participantId}-{source}.{ogg,ivf,h264}.
    #[arg(long, value_name = "DIR")]
    pub record: Option<PathBuf>,
    /// How long to stay, like 500ms, 20s, 5m or 1h; until Ctrl-C when absent.
    #[arg(long, value_parser = parse_duration)]
    pub duration: Option<Duration>,
    /// Sounds to receive at a time.
    #[arg(long, default_value_t = 3, value_parser = parse_slots)]
    pub audio_slots: usize,
    /// Pictures to receive at a time.
    #[arg(long, default_value_t = 4, value_parser = parse_slots)]
    pub video_slots: usize,
    /// Print one JSON object at the end instead of text, and no progress.
    #[arg(long)]
    pub json: bool,
}

/// A `--publish` option, read but not opened.
#[derive(Debug, PartialEq, Eq)]
pub struct PublishSpec {
    /// When it was named.
    pub source: Option<TrackSource>,
    /// One, or three.
    pub files: Vec<PathBuf>,
}

impl PublishSpec {
    /// Reads `[SOURCE=]FILE[,FILE,FILE]`. What stands before `=` is a source only when it is the name of one.
    pub fn parse(text: &str) -> Self {
        let (source, files) = match text.split_once('=') {
            Some((name, files)) => match source_by_name(name) {
                Some(source) => (Some(source), files),
                None => (None, text),
            },
            None => (None, text),
        };
        Self { source, files: files.split(',').map(PathBuf::from).collect() }
    }
}

fn source_by_name(name: &str) -> Option<TrackSource> {
    match name {
        "microphone" => Some(TrackSource::Microphone),
        "camera" => Some(TrackSource::Camera),
        "screen" => Some(TrackSource::Screen),
        "screenAudio" => Some(TrackSource::ScreenAudio),
        _ => None,
    }
}

fn parse_slots(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(slots) if slots <= SLOTS_MAX => Ok(slots),
        _ => Err(format!("give a number from 0 to {SLOTS_MAX}")),
    }
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let bad = || "give a time like 500ms, 20s, 5m or 1h".to_owned();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits).ok_or_else(bad)?;
    let number: u64 = number.parse().map_err(|_| bad())?;
    let unit_ms = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(bad()),
    };
    number.checked_mul(unit_ms).map(Duration::from_millis).ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn durations_have_units() {
        for (text, ms) in [("20s", 20_000), ("500ms", 500), ("5m", 300_000), ("1h", 3_600_000), ("7", 7_000)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "s", "-1s", "1.5s", "5 s", "99999999999999999999s", "18446744073709551615h"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_may_name_its_source() {
        let files = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        let spec = PublishSpec::parse("camera=a.ivf,b.ivf,c.ivf");
        assert_eq!((spec.source, spec.files), (Some(TrackSource::Camera), files(&["a.ivf", "b.ivf", "c.ivf"])));
        assert_eq!(PublishSpec::parse("voice.ogg"), PublishSpec { source: None, files: files(&["voice.ogg"]) });
        assert_eq!(PublishSpec::parse("x=y.ogg").files, files(&["x=y.ogg"]), "a name with an equals sign");
    }

    #[test]
    fn slots_are_bounded() {
        assert_eq!(parse_slots("25"), Ok(25));
        assert!(parse_slots("26").is_err());
    }
}
