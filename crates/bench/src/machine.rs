//! What the run ran on, and what else the machine did.

use crate::Failure;
use procfs::process::Process;
use procfs::{Current as _, CurrentSI as _};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;
use std::ops::Sub;
use std::path::Path;

/// CPU seconds, since some moment or between two.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    /// Of the servers.
    pub(crate) server: f64,
    /// Of the database server, where there is one.
    pub(crate) engine: f64,
    /// Of everything but those and this process.
    pub(crate) others: f64,
}

impl Sub for Usage {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            server: self.server - earlier.server,
            engine: self.engine - earlier.engine,
            others: self.others - earlier.others,
        }
    }
}

/// So far. `engine` is the first process of the database server.
pub(crate) fn usage(servers: &[u32], engine: Option<u32>) -> Result<Usage, Failure> {
    let of = |process: u32| -> Result<f64, Failure> {
        let stat = Process::new(i32::try_from(process)?)?.stat()?;
        Ok(seconds(stat.utime + stat.stime))
    };
    let this = std::process::id();
    // SQLite alone runs in this process.
    let own = if servers.contains(&this) { 0.0 } else { of(this)? };
    let server = servers.iter().map(|server| of(*server)).sum::<Result<f64, Failure>>()?;
    let engine = engine.map_or(Ok(0.0), family)?;
    let all = procfs::KernelStats::current()?.total;
    let stolen = all.steal.unwrap_or_default() + all.irq.unwrap_or_default();
    let busy = all.user + all.nice + all.system + all.softirq.unwrap_or_default() + stolen;
    Ok(Usage { server, engine, others: seconds(busy) - server - engine - own })
}

/// CPU seconds of a process and its children, those that have ended too.
fn family(parent: u32) -> Result<f64, Failure> {
    let parent = Process::new(i32::try_from(parent)?)?;
    let stat = parent.stat()?;
    let ended = u64::try_from(stat.cutime + stat.cstime)?;
    let mut ticks = stat.utime + stat.stime + ended;
    for child in parent.task_main_thread()?.children()? {
        // One that has just ended is counted the next time.
        let stat = Process::new(i32::try_from(child)?).and_then(|child| child.stat());
        ticks += stat.map_or(0, |stat| stat.utime + stat.stime);
    }
    Ok(seconds(ticks))
}

/// The process that has started this one.
pub(crate) fn parent(process: u32) -> Result<u32, Failure> {
    Ok(u32::try_from(Process::new(i32::try_from(process)?)?.stat()?.ppid)?)
}

/// CPU seconds of this process's children that have ended.
pub(crate) fn children() -> Result<f64, Failure> {
    let stat = Process::myself()?.stat()?;
    Ok(seconds(u64::try_from(stat.cutime + stat.cstime)?))
}

#[expect(clippy::cast_precision_loss, reason = "no machine is up for so many ticks")]
fn seconds(ticks: u64) -> f64 {
    ticks as f64 / procfs::ticks_per_second() as f64
}

/// The most memory that the process ever had, in bytes (`VmHWM`).
pub(crate) fn peak_memory(process: u32) -> Result<u64, Failure> {
    let status = Process::new(i32::try_from(process)?)?.status()?;
    Ok(status.vmhwm.ok_or("the kernel tells no peak of memory")? * 1024)
}

/// The memory that the process has, in bytes (`VmRSS`).
pub(crate) fn memory(process: u32) -> Result<u64, Failure> {
    let status = Process::new(i32::try_from(process)?)?.status()?;
    Ok(status.vmrss.ok_or("the kernel tells no memory")? * 1024)
}

/// Lets this process, and those it starts, hold as many files open as they may at all.
pub(crate) fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    // Where it is refused, the run says how many connections it had.
    let _raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// The machine, as far as it matters.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) memory_bytes: u64,
    pub(crate) kernel: String,
    pub(crate) file_system: String,
}

impl Machine {
    /// This machine; `directory` says which file system.
    pub(crate) fn this(directory: &Path) -> Result<Self, Failure> {
        let cpus = procfs::CpuInfo::current()?;
        let cpu = cpus.model_name(0).unwrap_or("unknown").to_owned();
        Ok(Self {
            cpu,
            cores: std::thread::available_parallelism()?.get(),
            memory_bytes: procfs::Meminfo::current()?.mem_total,
            kernel: std::fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            file_system: file_system(directory)?,
        })
    }
}

fn file_system(directory: &Path) -> Result<String, Failure> {
    let directory = directory.canonicalize()?;
    let mounts = Process::myself()?.mountinfo()?;
    let on_the_way = mounts.into_iter().filter(|mount| directory.starts_with(&mount.mount_point));
    // Of two on the same place the later one is seen.
    let mount = on_the_way.max_by_key(|mount| mount.mount_point.as_os_str().len());
    Ok(mount.ok_or("the store's directory is on no file system")?.fs_type)
}
