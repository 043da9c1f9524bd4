//! Child processes: started on one core, measured, and never left behind.

use std::{
    fs,
    io::Read,
    net::{TcpListener, UdpSocket},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
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
                let text = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
                sum += text.split(' ').next().and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
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
            let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup"))?;
            let line = text.lines().find(|line| line.starts_with("Pss:")).context("no Pss")?;
            let kib: u64 = line.split_whitespace().nth(1).context("no figure")?.parse()?;
            sum += kib * 1024;
        }
        Ok(sum)
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

/// Keeps the calling thread on `core`.
///
/// # Errors
/// When there is no such core.
pub fn pin(core: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(core)?;
    sched_setaffinity(Pid::from_raw(0), &set).with_context(|| format!("core {core}"))
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
        for id in tree(std::process::id()).into_iter().skip(1) {
            let _ = kill(Pid::from_raw(id as i32), Signal::SIGKILL);
        }
        let _ = fs::remove_dir_all(&folder);
        std::process::exit(130);
    });
    Ok(())
}
