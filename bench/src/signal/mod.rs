//! `signal`: a load on the realtime gateway and the accounts alone. No media.
//!
//! 1. Each participant takes a ticket with a join token, opens the socket, waits for `server.ready` and joins its room.
//! 2. Messages are sent at a steady rate, one participant after the other, each with its number and its send time in the
//!    text, so that every receiver can tell which it is and how long it took.
//! 3. Accounts ask who they are, at a steady rate.
//! 4. A crowd enters one room, all at once.
//! 5. What each participant heard is compared with what its room's history says was stored.
//!
//! See `bench/README.md` for what each figure means.

mod accounts;
mod chat;
mod crowd;
mod delivery;
mod opening;
mod result;
mod socket;
mod usage;

use std::time::Duration;

use crate::error::BenchError;
use crate::link::Link;
use crate::load::Show;
use crate::options::{SignalLoad, SignalOptions};
use crate::process;
use crate::report::table::Event;
use crate::target::Processes;
use crate::target::boltorezka::Access;
use crate::target::boltorezka::server::{Server, ServerOptions};
use crate::turn;
use usage::Meter;

pub use result::{CrowdResult, MeResult, SignalResult};

/// Core of a server that is started; the clients have the others.
const SERVER_CORE: usize = 0;
/// Files that each side opens beside its sockets: the database, libraries, requests over HTTP.
const FILES_BESIDE: u64 = 1_000;
/// Most deliveries that a run may plan: each is kept, with its time, in 8 bytes until the end.
const DELIVERIES_MAX: u64 = 50_000_000;

/// Starts a server if none is given, puts the load on it and stops it.
///
/// # Errors
/// [`BenchError::Options`] when the run is larger than the system or this program bear, [`BenchError::Target`] when the
/// server, rooms, tokens or accounts could not be made. Sockets and messages that fail are counted instead.
pub fn run_blocking(options: &SignalOptions, show: Show<'_>) -> Result<SignalResult, BenchError> {
    let files = process::allow_many_files().map_err(BenchError::system("raising the limit of open files"))?;
    check(&options.load, options.duration, files)?;
    let _turn = turn::take(|| show(Event::Phase("waiting for another run on this host to end".into())));
    let others: Vec<usize> = (0..process::cores()).filter(|core| *core != SERVER_CORE).collect();
    if options.url.is_none() && !others.is_empty() {
        process::pin(0, &others).map_err(BenchError::system("pinning the clients to their cores"))?;
    }
    // One thread, as in `load`: more of them would take from the server on a small host.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(BenchError::system("starting the runtime"))?.block_on(async {
        if let Some(url) = &options.url {
            let access = Access::new(url, options.api_key.as_deref().unwrap_or_default())?;
            return run(options, &access, Meter::new(Processes::default()), show).await;
        }
        show(Event::Phase("starting the server".into()));
        let flags = options.server_flag.clone();
        let start = ServerOptions { program: options.server.clone(), shards: 1, core: SERVER_CORE, flags };
        let server = Server::start(start, &Link::loopback()).await?;
        for control in server.processes().control {
            process::pin(control, &[SERVER_CORE]).map_err(BenchError::system("pinning the server to its core"))?;
        }
        let access = Access::new(&server.url, &server.api_key)?;
        // Told to end, it still ends what it started.
        let result = tokio::select! {
            result = run(options, &access, Meter::new(server.processes()), show) => result,
            _ = tokio::signal::ctrl_c() => Err(BenchError::Interrupted),
        };
        server.stop().await;
        result
    })
}

async fn run(
    options: &SignalOptions,
    access: &Access,
    meter: Meter,
    show: Show<'_>,
) -> Result<SignalResult, BenchError> {
    let SignalOptions { load, duration, .. } = options;
    show(Event::Phase(format!("{} rooms and {} tokens are made", load.rooms(), load.sockets + load.crowd)));
    let talkers = opening::talkers(access, load).await?;
    let crowd = opening::crowd(access, load).await?;
    let accounts = accounts::register(access, load).await?;

    let opened = opening::open(access, talkers, options, show).await;
    show(Event::Phase(format!("{} messages a second for {duration:?}", load.messages_per_s)));
    let talk = chat::talk(&opened.sockets, load.messages_per_s, *duration, &meter).await;
    if load.me_per_s > 0 {
        show(Event::Phase(format!("GET /v1/auth/me {} times a second for {duration:?}", load.me_per_s)));
    }
    let asked = accounts::ask(&accounts, load.me_per_s, *duration, &meter).await;
    let entered = crowd::enter(access, crowd, options, show).await;

    show(Event::Phase("comparing what was heard with what was stored".into()));
    let heard = chat::hang_up(opened.sockets).await;
    let deliveries = delivery::compare_all(access, &heard).await?;
    Ok(result::Parts { options, opening: opened.counts, talk, heard, deliveries, asked, entered }.into_result())
}

/// Whether a run of this size can be done here.
fn check(load: &SignalLoad, duration: Duration, files: Option<u64>) -> Result<(), BenchError> {
    let sockets = u64::from(load.sockets) + u64::from(load.crowd);
    if let Some(files) = files.filter(|files| *files < sockets + FILES_BESIDE) {
        let needed = sockets + FILES_BESIDE;
        return Err(BenchError::Options(format!(
            "{sockets} sockets need {needed} open files, and this process may open {files}: raise the limit (ulimit -n), \
             or ask for fewer --sockets and a smaller --crowd"
        )));
    }
    let messages = f64::from(load.messages_per_s) * duration.as_secs_f64();
    let deliveries = messages * f64::from(load.rooms_of.min(load.sockets));
    if deliveries > DELIVERIES_MAX as f64 {
        return Err(BenchError::Options(format!(
            "this would be {deliveries:.0} deliveries, more than the {DELIVERIES_MAX} that are kept: give a shorter \
             --duration or fewer --messages-per-s"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOAD: SignalLoad =
        SignalLoad { sockets: 5_000, rooms_of: 50, messages_per_s: 1_000, me_per_s: 1_000, crowd: 1_000 };

    #[test]
    fn what_is_too_large_is_refused_with_the_cure() {
        let minute = Duration::from_secs(60);
        assert!(check(&LOAD, minute, Some(7_000)).is_ok() && check(&LOAD, minute, None).is_ok());
        let error = check(&LOAD, minute, Some(6_999)).unwrap_err().to_string();
        assert!(error.contains("7000 open files") && error.contains("6999") && error.contains("ulimit -n"), "{error}");
        let error = check(&LOAD, minute * 17, None).unwrap_err().to_string();
        assert!(error.contains("51000000 deliveries") && error.contains("--duration"), "{error}");
        // A room is never larger than everybody.
        let few = SignalLoad { sockets: 5, ..LOAD };
        assert!(check(&few, minute * 17, None).is_ok());
    }

    #[test]
    fn everybody_has_a_room() {
        for (sockets, rooms_of, rooms) in [(5_000, 50, 100), (51, 50, 2), (50, 50, 1), (3, 50, 1)] {
            assert_eq!(SignalLoad { sockets, rooms_of, ..LOAD }.rooms(), rooms);
        }
    }
}
