//! What was acknowledged is there after a crash.

use std::sync::{Arc, Mutex};

use hickory_proto::rr::RecordType;
use serde_json::json;

use crate::{World, launch};

#[test]
fn a_kill_in_the_middle_of_writes_loses_nothing_acknowledged() {
    let world = World::with_zone("example.test");
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let api = world.server.api();
            let acknowledged = Arc::clone(&acknowledged);
            std::thread::spawn(move || {
                for number in 0..500 {
                    let owner = format!("w{writer}-{number}.example.test");
                    let body = json!({"zone": "example.test", "domain": owner, "type": "A", "answers": [{"answer": [format!("192.0.2.{writer}")]}]});
                    match api.put(&format!("/v1/zones/example.test/{owner}/A"), &body) {
                        Ok(reply) if reply.status == 200 => acknowledged.lock().unwrap().push((owner, writer)),
                        Ok(reply) => panic!("{reply:?}"),
                        Err(_) => return,
                    }
                }
            })
        })
        .collect();
    while acknowledged.lock().unwrap().len() < 200 {
        std::thread::yield_now();
    }
    let folder = world.folder;
    world.server.kill().unwrap();
    for writer in writers {
        writer.join().unwrap();
    }
    let server = launch(&folder).start().unwrap();
    let acknowledged = acknowledged.lock().unwrap();
    assert!(acknowledged.len() >= 200);
    for (owner, writer) in acknowledged.iter() {
        assert_eq!(
            server.ask(owner, RecordType::A).unwrap().answers(),
            [format!("A 192.0.2.{writer}")],
            "{owner}"
        );
        assert_eq!(server.api().get(&format!("/v1/zones/example.test/{owner}/A")).unwrap().status, 200);
    }
    assert_eq!(server.terminate().unwrap().code(), Some(0));
}
