//! What the run ran on, and what else the machine did.

use crate::Failure;
use procfs::process::Process;
use procfs::{Current as _, CurrentSI as _};
use serde::Serialize;
use std::ops::Sub;
use std::path::Path;

/// CPU seconds, since some moment or between two.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    /// Of the server.
    pub(crate) server: f64,
    /// Of everything but the server and this process.
    pub(crate) others: f64,
}

impl Sub for Usage {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self { server: self.server - earlier.server, others: self.others - earlier.others }
    }
}

/// So far.
pub(crate) fn usage(server: u32) -> Result<Usage, Failure> {
    let of = |process: Process| {
        let stat = process.stat()?;
        Ok::<_, Failure>(seconds(stat.utime + stat.stime))
    };
    // SQLite alone runs in this process.
    let own = if server == std::process::id() { 0.0 } else { of(Process::myself()?)? };
    let server = of(Process::new(i32::try_from(server)?)?)?;
    let all = procfs::KernelStats::current()?.total;
    let stolen = all.steal.unwrap_or_default() + all.irq.unwrap_or_default();
    let busy = all.user + all.nice + all.system + all.softirq.unwrap_or_default() + stolen;
    Ok(Usage { server, others: seconds(busy) - server - own })
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
