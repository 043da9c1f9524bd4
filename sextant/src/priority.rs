//! Whose turn it is when a core is short: that of the threads that answer DNS.
//!
//! Everything else that the program does (the API, the committer, the store's upkeep, imports, counting, reading the
//! geography) can wait for some milliseconds, and an answer cannot. On Linux each thread has a niceness of its own
//! and gives it to the threads that it starts, and raising it again takes a privilege. So all threads that are there
//! before the DNS workers are made nice, then the workers are started, then the thread that starts all others.

use std::fs;

use rustix::{
    io,
    process::{Pid, getpriority_process, setpriority_process},
};

/// By how much nicer threads are that do not answer DNS. What a busy DNS worker keeps of a core that it has to share was measured
/// with one and with three busy threads beside it: at 0 it is 50 and 25 %, at 10 it is 90 and 75 %, at 15 it is 96 and
/// 90 %, at 19 it is 98 and 94 %. Most heavy work of the API keeps one thread busy, so that 15 leaves the worker all but
/// a twentieth, and more would keep requests waiting for long on a machine that is busy with other things. On a core that nobody
/// else wants, niceness costs nothing.
const BACKGROUND: i32 = 15;
/// The highest niceness that there is.
const NICEST: i32 = 19;

/// Has all threads of the program but the calling one run in the background.
pub fn lower_other_threads() {
    let lower_all = || -> std::io::Result<()> {
        let this = rustix::thread::gettid();
        for thread in fs::read_dir("/proc/self/task")? {
            let name = thread?.file_name();
            let id = name.to_str().and_then(|text| Pid::from_raw(text.parse().ok()?));
            match id.filter(|id| *id != this).map(lower).transpose() {
                // It has ended meanwhile.
                Ok(_) | Err(io::Errno::SRCH) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    };
    if let Err(error) = lower_all() {
        complain(&error);
    }
}

/// Has the calling thread, and those that it starts from now on, run in the background.
pub fn lower_this_thread() {
    if let Err(error) = lower(rustix::thread::gettid()) {
        complain(&error.into());
    }
}

fn lower(thread: Pid) -> io::Result<()> {
    let niceness = getpriority_process(Some(thread))?;
    setpriority_process(Some(thread), (niceness + BACKGROUND).min(NICEST))
}

fn complain(error: &std::io::Error) {
    tracing::warn!(%error, "the API and its like keep their priority: they may take cores from the DNS workers");
}
