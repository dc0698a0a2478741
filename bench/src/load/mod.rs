//! A run: start, joins, warm-up, the measured window, the floor.

mod joins;
mod measure;

use std::sync::Arc;
use std::time::Duration;

use crate::error::BenchError;
use crate::floor;
use crate::link::Link;
use crate::media::Transports;
use crate::media::engine::{Command, EngineHandle, EngineOptions};
use crate::options::LoadOptions;
use crate::plan::Plan;
use crate::process;
use crate::report::table::Event;
use crate::report::{Account, RunResult};
use crate::target::{self, Target, TargetError};
use crate::turn;
use joins::Crowd;
use measure::Meter;

pub use measure::BUSY_RATIO_MAX;

/// Where a run tells what happens.
pub type Show<'a> = &'a mut (dyn FnMut(Event) + Send);

/// Cores of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cores {
    /// Of the target's media.
    pub target: Vec<usize>,
    /// Of the thread that drives all clients; none where there are too few cores.
    pub generator: Option<usize>,
    /// Of everything else.
    pub others: Vec<usize>,
}

impl Cores {
    /// As the options say, on a host with `count` cores.
    ///
    /// # Errors
    /// [`BenchError::Options`] when they name the same core twice, or one that is not there.
    pub fn new(options: &LoadOptions, count: usize) -> Result<Self, BenchError> {
        let first = options.generator.target_core;
        let target: Vec<usize> = (first..first + usize::from(options.shards)).collect();
        if target.iter().any(|core| *core >= count) {
            let shards = options.shards;
            return Err(BenchError::Options(format!(
                "{shards} shard(s) from core {first} need more than {count} cores"
            )));
        }
        let free: Vec<usize> = (0..count).filter(|core| !target.contains(core)).collect();
        let generator = match options.generator.generator_core {
            Some(core) if !free.contains(&core) => {
                return Err(BenchError::Options(format!("core {core} cannot be the generator's: it is the target's")));
            }
            Some(core) => Some(core),
            None => {
                let after = free.iter().find(|core| **core >= first + usize::from(options.shards));
                after.or(free.first()).copied()
            }
        };
        // With a core to spare, the signalling leaves the generator's alone.
        let others: Vec<usize> = free.iter().copied().filter(|core| Some(*core) != generator).collect();
        Ok(Self { target, generator, others: if others.is_empty() { free } else { others } })
    }
}

/// Does a run on a runtime of its own.
///
/// # Errors
/// [`BenchError`].
pub fn run_blocking(options: &LoadOptions, show: Show<'_>) -> Result<RunResult, BenchError> {
    run_over(options, &Link::loopback(), show)
}

/// Does a run over a link, on a runtime of its own.
///
/// # Errors
/// [`BenchError`].
pub fn run_over(options: &LoadOptions, link: &Link, show: Show<'_>) -> Result<RunResult, BenchError> {
    let cores = Cores::new(options, process::cores())?;
    let _turn = turn::take(|| show(Event::Phase("waiting for another run on this host to end".into())));
    // Each client has a socket to its server, and the server one to each client.
    process::allow_many_files().map_err(BenchError::system("raising the limit of open files"))?;
    if !cores.others.is_empty() {
        process::pin(0, &cores.others).map_err(BenchError::system("pinning the signalling to its cores"))?;
    }
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(cores.others.len().clamp(1, 4)).enable_all();
    let runtime = builder.build().map_err(BenchError::system("starting the runtime"))?;
    runtime.block_on(run(options, link, &cores, show))
}

async fn run(options: &LoadOptions, link: &Link, cores: &Cores, show: Show<'_>) -> Result<RunResult, BenchError> {
    let plan = Plan::new(&options.load)?;
    let engine = EngineOptions {
        core: cores.generator,
        clients: link.clients,
        target_ip: link.target_ip,
        sample: options.generator.sample,
        runs: !options.generator.no_gro,
        parameters: floor::parameters(&options.load),
    };
    let (engine, thread) = EngineHandle::start(engine).map_err(BenchError::system("starting the clients' thread"))?;
    show(Event::Phase(format!("starting {:?}", options.target).to_lowercase()));
    let result = match target::start(options, link).await {
        Ok(target) => {
            // Told to end, it still ends what it started.
            let result = tokio::select! {
                result = with_target(options, link, &plan, &target, &engine, show) => result,
                _ = tokio::signal::ctrl_c() => Err(BenchError::Interrupted),
            };
            target.stop().await;
            result
        }
        Err(error) => Err(error),
    };
    let result = match result {
        Ok(mut result) if options.floor => {
            show(Event::Phase("measuring the floor".into()));
            floor::measure(options, link, &plan, &engine, cores).await.map(|floor| {
                result.floor_ns_per_packet = Some(floor.ns_per_packet());
                result.floor = Some(floor);
                result
            })
        }
        other => other,
    };
    // It ends at once, or has ended.
    let _ = engine.send(Command::Stop);
    let _ = thread.join();
    result
}

async fn with_target(
    options: &LoadOptions,
    link: &Link,
    plan: &Plan,
    target: &Arc<dyn Target>,
    engine: &EngineHandle,
    show: Show<'_>,
) -> Result<RunResult, BenchError> {
    let (whole, first_call) = plan.with_first_call();
    target.prepare(&whole).await?;
    show(Event::Phase("a first call".into()));
    let transports = Transports::new(engine.clone());
    let mut first = Crowd::new(target.clone(), transports.clone(), options.generator.joins);
    first.admit(&first_call).await?;
    first.leave().await;
    let mut meter = Meter::new(engine.clone(), target.processes());
    let empty = meter.read().await?;
    show(Event::Phase(format!("{} clients join", plan.seats.len())));
    let mut crowd = Crowd::new(target.clone(), transports, options.generator.joins);
    crowd.admit(plan).await?;
    let full = meter.read().await?;
    tokio::time::sleep(options.warm_up).await;
    let window = meter.watch(options.duration, plan, &mut crowd, show).await?;
    if !target.processes().media.iter().all(|pid| process::is_running(*pid)) {
        return Err(TargetError::Ended.into());
    }
    let inside = crowd.inside();
    let mut result = window.result(options, link, target.as_ref(), &empty, &full, &crowd, inside);
    show(Event::Phase("clients leave".into()));
    crowd.leave().await;
    tokio::time::sleep(COUNTERS_SETTLE).await;
    let clients = engine.count().await?;
    result.account = target.counters().await.map(|server| Account::new(server, &clients));
    Ok(result)
}

/// A server's counters are a second old at most. By then nothing moves any more.
const COUNTERS_SETTLE: Duration = Duration::from_millis(2_200);
/// Longest wait for everybody to leave: ten thousand do in seconds.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{Command as Parsed, Options};
    use clap::Parser;

    fn cores(arguments: &str, count: usize) -> Result<Cores, BenchError> {
        let line = format!("boltorezka-bench load {arguments}");
        match Options::try_parse_from(line.split_whitespace()).unwrap().command {
            Parsed::Load(options) => Cores::new(&options, count),
            _ => unreachable!(),
        }
    }

    #[test]
    fn target_and_generator_never_share_a_core() {
        let two = Cores { target: vec![0], generator: Some(1), others: vec![1] };
        assert_eq!(cores("", 2).unwrap(), two);
        let eight = Cores { target: vec![0, 1], generator: Some(2), others: vec![3, 4, 5, 6, 7] };
        assert_eq!(cores("--shards 2", 8).unwrap(), eight);
        assert_eq!(cores("--target-core 1", 2).unwrap().generator, Some(0));
        assert!(cores("--shards 3", 2).is_err());
        assert!(cores("--generator-core 0", 2).is_err());
        assert_eq!(cores("", 1).unwrap(), Cores { target: vec![0], generator: None, others: vec![] });
    }
}
