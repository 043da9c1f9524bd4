//! End-to-end tests: the real binary on ports of its own, asked over DNS and HTTP.
#![forbid(unsafe_code)]

mod acme_clients;
mod bad_input;
mod command_line;
mod conventions;
mod crash;
mod demo;
mod explain;
mod feeds;
mod import;
mod lookup;
mod priorities;
mod raw;
mod statistics;
mod steering;
mod unchanged;
mod while_changing;
mod zone_commands;
mod zones;

use serde_json::{Value, json};
use sextant_tests::{Launch, Server};
use tempfile::TempDir;

/// A server over an empty folder of its own; the folder goes when this goes.
struct World {
    server: Server,
    folder: TempDir,
}

impl World {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let server = launch(&folder).start().expect("the server starts");
        Self { server, folder }
    }

    /// A server that already serves `zone`.
    fn with_zone(zone: &str) -> Self {
        let world = Self::start();
        let reply =
            world.server.api().put(&format!("/v1/zones/{zone}"), &json!({"zone": zone})).expect("a reply");
        assert_eq!(reply.status, 200, "{reply:?}");
        world
    }

    /// Creates a record; `body` needs not repeat zone, domain and type.
    fn record(&self, zone: &str, domain: &str, rtype: &str, body: &Value) -> Value {
        let mut whole = json!({"zone": zone, "domain": domain, "type": rtype});
        for (key, value) in body.as_object().expect("a body is an object") {
            whole[key] = value.clone();
        }
        let reply =
            self.server.api().put(&format!("/v1/zones/{zone}/{domain}/{rtype}"), &whole).expect("a reply");
        assert_eq!(reply.status, 200, "{domain} {rtype}: {reply:?}");
        reply.body
    }

    /// Creates a record of plain answers.
    fn plain(&self, zone: &str, domain: &str, rtype: &str, answers: &[Value]) -> Value {
        let answers: Vec<_> = answers.iter().map(|answer| json!({"answer": answer})).collect();
        self.record(zone, domain, rtype, &json!({"answers": answers}))
    }
}

fn launch(folder: &TempDir) -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_sextant"), folder.path())
}
