//! Which processors threads run on.

use std::io;

/// Lets the calling thread run on one processor only.
///
/// # Errors
/// When there is no such processor, or the process may not use it. The message tells which ones it may use.
pub fn pin(processor: usize) -> io::Result<()> {
    let allowed = allowed()?;
    if !allowed.contains(&processor) {
        let message = format!("processor {processor} is not among those this process may use: {allowed:?}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let mut set = empty_set();
    // SAFETY: `processor` is below `CPU_SETSIZE`, as all that are allowed.
    unsafe { libc::CPU_SET(processor, &mut set) };
    // SAFETY: the pointer is to a whole `cpu_set_t` of the size given that outlives the call; 0 is this thread.
    let status = unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The processors that the calling thread may run on, in ascending order.
///
/// # Errors
/// On machines with more processors than the C library's set has room for.
pub fn allowed() -> io::Result<Vec<usize>> {
    let mut set = empty_set();
    // SAFETY: the pointer is to a whole `cpu_set_t` of the size given that outlives the call; 0 is this thread.
    let status = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) };
    if status != 0 {
        return Err(io::Error::last_os_error());
    }
    let is_set = |processor: &usize| {
        // SAFETY: `processor` is below `CPU_SETSIZE`.
        unsafe { libc::CPU_ISSET(*processor, &set) }
    };
    Ok((0..libc::CPU_SETSIZE as usize).filter(is_set).collect())
}

fn empty_set() -> libc::cpu_set_t {
    // SAFETY: `cpu_set_t` consists of integers, for which zero is a value.
    unsafe { std::mem::zeroed() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_stays_where_it_is_put() {
        let allowed_before = allowed().unwrap();
        let last = *allowed_before.last().unwrap();
        std::thread::spawn(move || {
            pin(last).unwrap();
            assert_eq!(allowed().unwrap(), [last]);
        })
        .join()
        .unwrap();
        assert_eq!(allowed().unwrap(), allowed_before, "other threads are as they were");
    }

    #[test]
    fn a_processor_that_is_not_there_is_named() {
        for processor in [libc::CPU_SETSIZE as usize - 1, usize::MAX] {
            let error = pin(processor).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert!(error.to_string().contains(&format!("processor {processor} is not")), "{error}");
        }
    }
}
