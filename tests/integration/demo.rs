//! The demo zone: what it prints is true.

use hickory_proto::rr::RecordType;

use crate::launch;

#[test]
fn the_printed_lines_work() {
    let folder = tempfile::tempdir().unwrap();
    let server = launch(&folder).arguments(&["--demo"]).start().unwrap();
    let printed = server.printed().join("\n");
    let digs: Vec<_> = server.printed().iter().filter(|line| line.trim().starts_with("dig ")).collect();
    assert!(digs.len() >= 5, "{printed}");
    let mut places = Vec::new();
    for line in digs.iter().filter(|line| line.contains("+subnet=")) {
        let word = |prefix: &str| {
            line.split_whitespace().find_map(|word| word.strip_prefix(prefix)).map(str::to_owned)
        };
        let name = line.split_whitespace().find(|word| word.ends_with(".test")).unwrap();
        let reply = server.ask_for(name, RecordType::A, &word("+subnet=").unwrap()).unwrap();
        let expected = line.split("# ").nth(1).unwrap().split(':').next().unwrap().to_owned();
        assert_eq!(reply.answers(), [format!("A {expected}")], "{line}");
        places.push(expected);
    }
    places.sort();
    places.dedup();
    assert!(places.len() >= 3, "{printed}");
}
