//! What the operating system tells of processes, and where they may run.

use std::fs;
use std::io;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Processor time that all threads of a process have used; `None` when it is gone.
pub fn cpu_time(pid: u32) -> Option<Duration> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let mut total_ns = 0;
    for task in tasks.flatten() {
        // A thread may end between the two reads; it then has used nothing that matters.
        let schedstat = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        total_ns += schedstat.split(' ').next().and_then(|ns| ns.parse::<u64>().ok()).unwrap_or(0);
    }
    Some(Duration::from_nanos(total_ns))
}

/// Whether a process is there and has not ended.
pub fn is_running(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name before it, in parentheses, may hold anything.
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    !matches!(state, None | Some('Z' | 'X'))
}

/// Processor time of several processes.
pub fn cpu_time_of(pids: &[u32]) -> Duration {
    pids.iter().filter_map(|pid| cpu_time(*pid)).sum()
}

/// Time that all cores together were busy since the host started, what a hypervisor took from them included.
pub fn host_busy_time() -> Duration {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    Duration::from_millis(parse_busy_ticks(&stat) * MS_PER_TICK)
}

/// The kernel tells times in hundredths of a second, whatever its own ticks are.
const MS_PER_TICK: u64 = 10;

fn parse_busy_ticks(stat: &str) -> u64 {
    let line = stat.lines().next().unwrap_or_default();
    let ticks: Vec<u64> = line.split_whitespace().skip(1).map(|ticks| ticks.parse().unwrap_or(0)).collect();
    // user nice system (idle iowait) irq softirq steal; what follows is in user already.
    [0, 1, 2, 5, 6, 7].iter().filter_map(|column| ticks.get(*column)).sum()
}

/// Resident memory of several processes, in bytes.
pub fn resident_bytes_of(pids: &[u32]) -> u64 {
    pids.iter().filter_map(|pid| resident_bytes(*pid)).sum()
}

/// Resident memory of a process in bytes; `None` when it is gone.
pub fn resident_bytes(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

/// Lets all threads of a process run on these cores only; 0 is the own process.
///
/// # Errors
/// What the kernel says, as when there is no such core.
pub fn pin(pid: u32, cores: &[usize]) -> io::Result<()> {
    let mut set = CpuSet::new();
    cores.iter().for_each(|core| set.set(*core));
    let pid = if pid == 0 { std::process::id() } else { pid };
    for task in fs::read_dir(format!("/proc/{pid}/task"))?.flatten() {
        let id = task.file_name().to_str().and_then(|name| name.parse::<i32>().ok()).and_then(Pid::from_raw);
        match id.map(|id| sched_setaffinity(Some(id), &set)) {
            // A thread that has ended needs no core.
            None | Some(Ok(()) | Err(rustix::io::Errno::SRCH)) => {}
            Some(Err(error)) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Does something on these cores: programs that it starts inherit them. Where they cannot be had, it is done anywhere.
pub fn on_cores<T>(cores: &[usize], what: impl FnOnce() -> T) -> T {
    let before = sched_getaffinity(None);
    let mut set = CpuSet::new();
    cores.iter().for_each(|core| set.set(*core));
    if let Err(error) = sched_setaffinity(None, &set) {
        tracing::warn!(%error, ?cores, "these cores cannot be had");
    }
    let result = what();
    if let Ok(before) = before {
        // It was so before.
        let _ = sched_setaffinity(None, &before);
    }
    result
}

/// Lets this process, and what it starts, open as many files as the system allows it: more than shells do by default.
/// Returns how many; `None` when there is no bound.
///
/// # Errors
/// What the kernel says.
pub fn allow_many_files() -> io::Result<Option<u64>> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    Ok(maximum)
}

/// How many cores there are.
pub fn cores() -> usize {
    let online = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    online.lines().filter(|line| line.starts_with("processor")).count().max(1)
}

/// The processor's name.
pub fn cpu_model() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = info.lines().find(|line| line.starts_with("model name"));
    line.and_then(|line| line.split_once(':')).map_or_else(|| "unknown".into(), |(_, name)| name.trim().to_owned())
}

/// The kernel's release.
pub fn kernel() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("Linux {}", release.trim())
}

/// Datagrams that the kernel dropped because the socket at this UDP port was full.
pub fn dropped_datagrams(port: u16) -> u64 {
    let sockets = fs::read_to_string("/proc/self/net/udp").unwrap_or_default();
    parse_drops(&sockets, port)
}

fn parse_drops(sockets: &str, port: u16) -> u64 {
    let suffix = format!(":{port:04X}");
    let of_port = sockets.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let of_port = of_port.filter(|fields| fields.get(1).is_some_and(|local| local.ends_with(&suffix)));
    of_port.filter_map(|fields| fields.last()?.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_process_uses_time_and_memory() {
        let pid = std::process::id();
        let before = cpu_time(pid).unwrap();
        let mut sum = 0u64;
        while cpu_time(pid).unwrap() < before + Duration::from_millis(20) {
            sum = (0..100_000u64).fold(sum, |sum, n| sum.wrapping_add(n * n));
        }
        assert!(sum > 0 && resident_bytes(pid).unwrap() > 1 << 20);
        assert_eq!(cpu_time(u32::MAX), None);
        assert!(is_running(pid) && !is_running(u32::MAX));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        while is_running(child.id()) {}
        child.wait().unwrap();
        assert!(cores() >= 1 && !cpu_model().is_empty() && kernel().starts_with("Linux "));
    }

    #[test]
    fn idling_is_not_being_busy() {
        assert_eq!(parse_busy_ticks("cpu  1 20 300 9999 9999 4000 50000 600000 7 7\ncpu0 1 1 1"), 654_321);
        assert!(host_busy_time() > Duration::ZERO);
    }

    #[test]
    fn drops_are_those_of_the_port() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
            1: 00000000:1B58 00000000:0000 07 00000000:00000000 00:00000000 00000000  0 0 1 2 0 17\n\
            2: 0100007F:1B59 00000000:0000 07 00000000:00000000 00:00000000 00000000  0 0 1 2 0 5\n";
        assert_eq!((parse_drops(table, 7000), parse_drops(table, 7001), parse_drops(table, 1)), (17, 5, 0));
    }
}
