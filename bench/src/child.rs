//! Runs of this program as processes of their own: in another network namespace, or one after the other for a comparison.
//! Each run begins with fresh memory and sockets, and one that crashes takes none of the others with it.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use clap::ValueEnum;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use crate::error::BenchError;
use crate::options::{Load, LoadOptions};
use crate::report::RunResult;
use crate::veth::VethPair;

/// How long a run may take to end after it was interrupted: it stops its server.
const END_TIMEOUT: Duration = Duration::from_secs(10);
/// The exit code of a run whose generator was the bottleneck. Its result is there all the same.
const GENERATOR_WAS_BOTTLENECK: i32 = 3;

/// Runs `load` as a process and returns what it found.
///
/// # Errors
/// [`BenchError::Run`] when it ended without a result, [`BenchError::Interrupted`] when it was told to end.
pub fn load(options: &LoadOptions) -> Result<RunResult, BenchError> {
    let folder = tempfile::tempdir().map_err(BenchError::system("making a temporary folder"))?;
    let file = folder.path().join("result.json");
    let mut options = options.clone();
    (options.json, options.html) = (Some(file.clone()), None);
    let mut command = std::process::Command::new(this_program()?);
    // The table that a run prints in the end would only repeat what is printed for all.
    command.arg("load").args(arguments(&options)).stdin(Stdio::null()).stdout(Stdio::null());
    let status = wait(command)?;
    if !matches!(status.code(), Some(0 | GENERATOR_WAS_BOTTLENECK)) {
        return Err(BenchError::Run(format!("a run on {} ended with {status}", value_name(&options.target))));
    }
    let text = std::fs::read(&file).map_err(BenchError::system("reading the result of a run"))?;
    serde_json::from_slice(&text)
        .map_err(|error| BenchError::Run(format!("the result of a run cannot be read: {error}")))
}

/// Runs this very command again inside the generator's namespace of a veth pair that is made for it, and returns its exit
/// code. The pair is removed in the end, also when the run is interrupted.
///
/// # Errors
/// [`BenchError::Veth`] when the pair cannot be made.
pub fn inside_veth() -> Result<u8, BenchError> {
    let pair = VethPair::make()?;
    // What an interrupted run leaves of its temporary files goes with this folder.
    let folder = tempfile::tempdir().map_err(BenchError::system("making a temporary folder"))?;
    let mut command = pair.generator_command(&this_program()?);
    command.args(std::env::args_os().skip(1)).args(["--inside", pair.name()]).env("TMPDIR", folder.path());
    let status = wait(command)?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

/// Starts a command and waits for its end. When this process is told to end, so is the child.
fn wait(command: std::process::Command) -> Result<ExitStatus, BenchError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(BenchError::system("starting the runtime"))?.block_on(async {
        // Before the child is there, so that nobody is left behind.
        let mut interrupts = signal(SignalKind::interrupt()).map_err(BenchError::system("catching interrupts"))?;
        let mut terminations = signal(SignalKind::terminate()).map_err(BenchError::system("catching interrupts"))?;
        let program = command.get_program().to_owned();
        let mut child = Command::from(command)
            .kill_on_drop(true)
            .spawn()
            .map_err(BenchError::system(format!("starting {}", program.display())))?;
        tokio::select! {
            status = child.wait() => return status.map_err(BenchError::system("waiting for a run")),
            _ = interrupts.recv() => {}
            _ = terminations.recv() => {}
        }
        terminate(&child);
        // What does not end in time is killed when dropped.
        let _ = tokio::time::timeout(END_TIMEOUT, child.wait()).await;
        Err(BenchError::Interrupted)
    })
}

fn terminate(child: &Child) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // It may have ended just now.
        let _ = kill_process(pid, Signal::TERM);
    }
}

fn this_program() -> Result<std::path::PathBuf, BenchError> {
    std::env::current_exe().map_err(BenchError::system("finding this program"))
}

/// The command line that `load` reads these options from.
fn arguments(options: &LoadOptions) -> Vec<String> {
    let LoadOptions {
        target,
        url,
        api_key,
        load,
        shards,
        duration,
        warm_up,
        floor,
        json,
        html,
        link,
        inside,
        generator,
    } = options;
    let mut line = Line::default();
    line.value("target", value_name(target));
    line.option("url", url.as_ref());
    line.option("api-key", api_key.as_ref());
    let Load {
        scenario,
        publishers,
        subscribers,
        participants,
        rooms,
        rate,
        bitrate_kbps,
        fps,
        heard,
        simulcast,
        burst,
    } = load;
    line.value("scenario", value_name(scenario));
    line.option("publishers", publishers.as_ref());
    line.option("subscribers", subscribers.as_ref());
    line.option("participants", participants.as_ref());
    line.option("rooms", rooms.as_ref());
    line.option("rate", rate.as_ref());
    line.value("bitrate-kbps", bitrate_kbps);
    line.value("fps", fps);
    line.option("heard", heard.as_ref());
    line.flag("simulcast", *simulcast);
    line.flag("burst", *burst);
    line.value("shards", shards);
    line.value("duration", format!("{}ms", duration.as_millis()));
    line.value("warm-up", format!("{}ms", warm_up.as_millis()));
    line.flag("floor", *floor);
    line.option("json", json.as_ref().map(|path| path.display()).as_ref());
    line.option("html", html.as_ref().map(|path| path.display()).as_ref());
    line.option("link", link.map(|link| value_name(&link)).as_ref());
    line.option("inside", inside.as_ref());
    line.option("server", generator.server.as_ref().map(|path| path.display()).as_ref());
    generator.server_flag.iter().for_each(|flag| line.value("server-flag", flag));
    line.value("target-core", generator.target_core);
    line.option("generator-core", generator.generator_core.as_ref());
    line.value("sample", generator.sample);
    line.flag("no-gro", generator.no_gro);
    line.value("joins", generator.joins);
    line.flag("quiet", generator.quiet);
    line.0
}

/// A command line in the making. Values stand behind `=`, so that none is taken for a flag.
#[derive(Default)]
struct Line(Vec<String>);

impl Line {
    fn value(&mut self, name: &str, value: impl std::fmt::Display) {
        self.0.push(format!("--{name}={value}"));
    }

    fn option(&mut self, name: &str, value: Option<&impl std::fmt::Display>) {
        if let Some(value) = value {
            self.value(name, value);
        }
    }

    fn flag(&mut self, name: &str, is_set: bool) {
        if is_set {
            self.0.push(format!("--{name}"));
        }
    }
}

/// The name of a value on the command line.
pub fn value_name(value: &impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::options::{Command, Options};

    fn parse(arguments: &[&str]) -> LoadOptions {
        let line = ["boltorezka-bench", "load"].into_iter().chain(arguments.iter().copied());
        match Options::try_parse_from(line).unwrap().command {
            Command::Load(options) => options,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_child_gets_the_very_same_options() {
        for line in [
            "",
            "--target janus --scenario rooms --rooms 3 --participants 7 --simulcast --burst --link veth --shards 2",
            "--url http://a --api-key=-k --scenario churn --rate 2.5 --publishers 4 --subscribers 9 --duration 90s --floor",
            "--json a --html b --server c --generator-core 5 --target-core 2 --no-gro --quiet --sample 1 --joins 3 --fps 15",
            "--server-flag=--log=info --server-flag=-x --warm-up 500ms --bitrate-kbps 300 --inside 417",
        ] {
            let options = parse(&line.split_whitespace().collect::<Vec<_>>());
            let again = arguments(&options);
            let again = parse(&again.iter().map(String::as_str).collect::<Vec<_>>());
            assert_eq!(format!("{options:?}"), format!("{again:?}"));
        }
    }
}
