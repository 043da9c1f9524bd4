//! Child processes: started on one core, measured, and never left behind.

use std::{
    fs,
    io::Read,
    net::{TcpListener, UdpSocket},
    ops::Range,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    sched::{CpuSet, sched_setaffinity},
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// Time given to a server to end by itself.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// A server under measurement; killed with all its children when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts `program` on the cores `cores` (as `taskset` lists them) with its output in `log`.
    ///
    /// `setpriv` has the kernel end it when this process dies in any way.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(cores: &str, program: &Path, arguments: &[String], log: &Path) -> Result<Self> {
        let output = fs::File::create(log)?;
        let child = Command::new("taskset")
            .args(["-c", cores, "setpriv", "--pdeathsig", "TERM", "--"])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("taskset (util-linux) cannot be started")?;
        Ok(Self { child })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// CPU time of it and its children so far, in nanoseconds.
    ///
    /// The sum of the first field of `schedstat` over all threads: the scheduler's own count of time on a
    /// core, user and system together. `/proc/PID/stat` shows the same count rounded to ticks of 10 ms, which
    /// in a round of a second is 1 %. Threads that have ended are missing; servers keep theirs.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn cpu_ns(&self) -> Result<u64> {
        let mut sum = 0;
        for id in tree(self.id()) {
            for thread in fs::read_dir(format!("/proc/{id}/task"))? {
                sum += on_core_ns(&thread?.path());
            }
        }
        Ok(sum)
    }

    /// CPU time so far of its threads whose names begin with `prefix`, in nanoseconds.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn thread_cpu_ns(&self, prefix: &str) -> Result<u64> {
        let mut sum = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.id()))? {
            let folder = thread?.path();
            if fs::read_to_string(folder.join("comm")).is_ok_and(|name| name.starts_with(prefix)) {
                sum += on_core_ns(&folder);
            }
        }
        Ok(sum)
    }

    /// Proportional set size of it and its children, in bytes.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn pss_bytes(&self) -> Result<u64> {
        let mut sum = 0;
        for id in tree(self.id()) {
            // A child that has ended and is not yet reaped has no memory.
            let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
            let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
            sum += kib.unwrap_or(0) * 1024;
        }
        ensure!(sum > 0, "process {} is gone", self.id());
        Ok(sum)
    }

    /// Begins to look for a new peak of its resident memory (proc(5), `clear_refs`).
    ///
    /// # Errors
    /// When the process is gone or the system refuses.
    pub fn forget_peak(&self) -> Result<()> {
        fs::write(format!("/proc/{}/clear_refs", self.id()), "5")
            .context("the peak of memory cannot be reset")
    }

    /// The most memory that it had resident at once since [`Self::forget_peak`], in bytes.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn peak_bytes(&self) -> Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        Ok(kib.context("no VmHWM")? * 1024)
    }

    /// Asks it to stop and kills what is left after a while.
    pub fn stop(&mut self) {
        let family = tree(self.id());
        let _ = kill(Pid::from_raw(self.id() as i32), Signal::SIGTERM);
        let begun = Instant::now();
        while begun.elapsed() < STOP_PATIENCE {
            if !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        for id in family.into_iter().skip(1) {
            let _ = kill(Pid::from_raw(id as i32), Signal::SIGKILL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The process `id` and all below it.
fn tree(id: u32) -> Vec<u32> {
    let mut found = vec![id];
    let mut next = 0;
    while next < found.len() {
        let tasks = fs::read_dir(format!("/proc/{}/task", found[next]));
        for task in tasks.into_iter().flatten().flatten() {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            found.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
        next += 1;
    }
    found
}

/// Time that the thread whose `/proc` folder is given was on a core; 0 if it has ended.
fn on_core_ns(folder: &Path) -> u64 {
    let text = fs::read_to_string(folder.join("schedstat")).unwrap_or_default();
    text.split(' ').next().and_then(|field| field.parse().ok()).unwrap_or(0)
}

/// Keeps the threads of process `id` whose names begin with `prefix` on `cores`, and its others on
/// `other_cores`.
///
/// # Errors
/// When the process is gone or there is no such core.
pub fn keep_apart(id: u32, prefix: &str, cores: Range<usize>, other_cores: Range<usize>) -> Result<()> {
    for thread in fs::read_dir(format!("/proc/{id}/task"))? {
        let thread = thread?;
        let name = fs::read_to_string(thread.path().join("comm"))?;
        let mut set = CpuSet::new();
        for core in if name.starts_with(prefix) { cores.clone() } else { other_cores.clone() } {
            set.set(core)?;
        }
        let thread: i32 = thread.file_name().to_string_lossy().parse()?;
        sched_setaffinity(Pid::from_raw(thread), &set)?;
    }
    Ok(())
}

/// Keeps the calling thread, and those that it starts, on `cores`.
///
/// # Errors
/// When there is no such core.
pub fn pin(cores: Range<usize>) -> Result<()> {
    let mut set = CpuSet::new();
    for core in cores {
        set.set(core)?;
    }
    sched_setaffinity(Pid::from_raw(0), &set).context("the cores cannot be chosen")
}

/// Has the calling thread, and those that it starts, yield to all others.
///
/// # Errors
/// When the system refuses.
pub fn lower_priority() -> Result<()> {
    let this = rustix::thread::gettid();
    rustix::process::setpriority_process(Some(this), 19).context("the priority cannot be lowered")
}

/// A loopback port that is free for UDP and TCP now.
///
/// # Errors
/// When none is found.
pub fn free_port() -> Result<u16> {
    for _ in 0..100 {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let port = socket.local_addr()?.port();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port is free for both UDP and TCP")
}

/// The end of a server's log, for messages.
pub fn tail(log: &Path) -> String {
    let mut text = String::new();
    if let Ok(file) = fs::File::open(log) {
        let _ = file.take(1 << 20).read_to_string(&mut text);
    }
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join("\n")
}

/// On SIGINT, SIGTERM and SIGHUP ends all children, removes `folder` and exits. To be called before any
/// other thread is started, as threads inherit which signals are blocked.
///
/// # Errors
/// When the system refuses.
pub fn clean_up_on_signals(folder: &Path) -> Result<()> {
    use nix::sys::signal::SigSet;
    let signals: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().collect();
    signals.thread_block()?;
    let folder = folder.to_owned();
    std::thread::spawn(move || {
        let _ = signals.wait();
        // More than once, as the other threads go on until the end.
        for _ in 0..3 {
            for id in tree(std::process::id()).into_iter().skip(1) {
                let _ = kill(Pid::from_raw(id as i32), Signal::SIGKILL);
            }
            std::thread::sleep(Duration::from_millis(50));
            let _ = fs::remove_dir_all(&folder);
        }
        std::process::exit(130);
    });
    Ok(())
}
