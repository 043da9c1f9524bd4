//! Who gets the core when it is short.

use std::fs;

use super::World;

/// The names of all threads of process `id`, each with its niceness.
fn niceness_of_threads(id: u32) -> Vec<(String, i32)> {
    let read = |thread: fs::DirEntry| {
        // Everything behind the name, which may hold blanks: the niceness is the 17th.
        let text = fs::read_to_string(thread.path().join("stat")).ok()?;
        let (head, tail) = text.rsplit_once(')')?;
        let (_, name) = head.split_once('(')?;
        Some((name.to_owned(), tail.split_whitespace().nth(16)?.parse().ok()?))
    };
    let threads = fs::read_dir(format!("/proc/{id}/task")).expect("the server runs");
    threads.filter_map(|thread| read(thread.expect("a thread"))).collect()
}

#[test]
fn threads_that_answer_dns_come_before_all_others() {
    let world = World::with_zone("example.test");
    let ours = niceness_of_threads(std::process::id())[0].1;
    let threads = niceness_of_threads(world.server.pid());
    let (answering, others): (Vec<_>, Vec<_>) =
        threads.into_iter().partition(|(name, _)| name.starts_with("udp-") || name.starts_with("tcp-"));
    assert!(!answering.is_empty() && answering.iter().all(|(_, nice)| *nice == ours), "{answering:?}");
    for name in ["committer", "feed-age", "store-maintain", "statistics", "api"] {
        assert!(others.iter().any(|(other, _)| other == name), "no {name} in {others:?}");
    }
    let yielding = (ours + 15).min(19);
    assert!(others.iter().all(|(_, nice)| *nice == yielding), "{others:?}");
}
