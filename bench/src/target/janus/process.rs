//! A Janus of the run's own: its configuration folder and its process.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use super::api::Api;
use crate::link::Link;
use crate::process;
use crate::target::TargetError;

/// Port of the API, in a network namespace where nobody else is.
const API_PORT: u16 = 8188;
/// Longest that starting may take: it makes a certificate and loads two libraries.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// Time between attempts to reach the API.
const START_POLL: Duration = Duration::from_millis(50);
/// Longest that ending politely may take.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);
/// How much of the log an error quotes.
const LOG_LINES: usize = 5;

/// Everything but the videoroom. Names of what is not installed do no harm.
const PLUGINS_OFF: [&str; 11] = [
    "libjanus_audiobridge.so",
    "libjanus_duktape.so",
    "libjanus_echotest.so",
    "libjanus_lua.so",
    "libjanus_nosip.so",
    "libjanus_recordplay.so",
    "libjanus_sip.so",
    "libjanus_streaming.so",
    "libjanus_textroom.so",
    "libjanus_videocall.so",
    "libjanus_voicemail.so",
];
/// Everything but WebSockets.
const TRANSPORTS_OFF: [&str; 5] =
    ["libjanus_http.so", "libjanus_mqtt.so", "libjanus_nanomsg.so", "libjanus_pfunix.so", "libjanus_rabbitmq.so"];

/// A running Janus. Dropping it kills it.
pub struct Process {
    child: Child,
    folder: TempDir,
    /// Address of its API.
    pub url: String,
}

impl Process {
    /// Starts the Janus in PATH at the target's end of the link, pinned to `cores`, and waits until its API answers.
    pub async fn start(link: &Link, event_loops: u16, cores: &[usize]) -> Result<(Self, Api), TargetError> {
        let folder = tempfile::Builder::new().prefix("boltorezka-bench-janus-").tempdir();
        let folder = folder.map_err(|error| TargetError::Start(format!("its configuration folder: {error}")))?;
        let log = configure(folder.path(), link.target_ip, event_loops)
            .and_then(|()| fs::File::create(folder.path().join("log")))
            .map_err(|error| TargetError::Start(format!("its configuration: {error}")))?;
        let errors = log.try_clone().map_err(|error| TargetError::Start(error.to_string()))?;
        let mut command = Command::from(link.command("janus"));
        command.arg("--configs-folder").arg(folder.path()).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        let child = process::on_cores(cores, || command.spawn()).map_err(|error| {
            TargetError::Start(format!("{error}; is Janus installed (Debian: apt-get install janus)?"))
        })?;
        let mut process = Self { child, folder, url: format!("ws://{}:{API_PORT}", link.target_ip) };
        let api = process.wait_for_api().await?;
        Ok((process, api))
    }

    /// The process id; `None` when it has ended.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Ends it politely, or else with force.
    pub async fn stop(mut self) {
        if let Ok(Some(status)) = self.child.try_wait() {
            tracing::error!(%status, log = self.end_of_log(), "Janus has ended before it was told to");
            return;
        }
        let pid = self.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if pid.is_some_and(|pid| kill_process(pid, Signal::TERM).is_ok())
            && timeout(STOP_TIMEOUT, self.child.wait()).await.is_ok()
        {
            return;
        }
        // It is killed when dropped; waiting frees its entry.
        let _ = self.child.kill().await;
    }

    async fn wait_for_api(&mut self) -> Result<Api, TargetError> {
        let end = Instant::now() + START_TIMEOUT;
        loop {
            let answer = Api::connect(&self.url).await;
            match answer {
                Ok(api) => return Ok(api),
                Err(error) if Instant::now() > end => {
                    return Err(TargetError::Start(format!("{error}; its log ends with: {}", self.end_of_log())));
                }
                Err(_) => {}
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                let cure = "is Janus there (Debian: apt-get install janus), in PATH?";
                let log = self.end_of_log();
                return Err(TargetError::Start(format!("it ended with {status}; {cure} Its log ends with: {log}")));
            }
            sleep(START_POLL).await;
        }
    }

    fn end_of_log(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(LOG_LINES).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" / ")
    }
}

/// Writes the configuration.
fn configure(folder: &Path, ip: Ipv4Addr, event_loops: u16) -> io::Result<()> {
    let (plugins, transports) = (PLUGINS_OFF.join(","), TRANSPORTS_OFF.join(","));
    // Level 2 logs errors only. A timeout of 0 keeps the session although nothing is asked while media flows. ICE-lite is
    // what the other targets speak, and spares Janus the connectivity checks of its own.
    fs::write(
        folder.join("janus.jcfg"),
        format!(
            r#"general: {{
    debug_level = 2
    debug_colors = false
    session_timeout = 0
    event_loops = {event_loops}
}}
media: {{
    ipv6 = false
}}
nat: {{
    ice_lite = true
    ice_tcp = false
    ice_enforce_list = "{ip}"
}}
plugins: {{
    disable = "{plugins}"
}}
transports: {{
    disable = "{transports}"
}}
"#
        ),
    )?;
    fs::write(
        folder.join("janus.transport.websockets.jcfg"),
        format!(
            r#"general: {{
    json = "compact"
    ws = true
    ws_ip = "{ip}"
    ws_port = {API_PORT}
    wss = false
}}
admin: {{
    admin_ws = false
    admin_wss = false
}}
"#
        ),
    )?;
    fs::write(folder.join("janus.plugin.videoroom.jcfg"), "general: {\n}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_names_address_and_loops() {
        let folder = tempfile::tempdir().unwrap();
        configure(folder.path(), Ipv4Addr::new(10, 0, 0, 7), 3).unwrap();
        let main = fs::read_to_string(folder.path().join("janus.jcfg")).unwrap();
        assert!(main.contains("event_loops = 3") && main.contains(r#"ice_enforce_list = "10.0.0.7""#), "{main}");
        assert!(!main.contains("videoroom") && !main.contains("websockets"), "both must stay on: {main}");
        let sockets = fs::read_to_string(folder.path().join("janus.transport.websockets.jcfg")).unwrap();
        assert!(sockets.contains(r#"ws_ip = "10.0.0.7""#), "{sockets}");
    }
}
