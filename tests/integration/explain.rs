//! Explanations, held against what goes out over DNS.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request};
use control_api::auth::open_admin_key;
use control_api::{ApiOptions, Service, ServiceOptions};
use filters::Entropy;
use geoip_data::{GeoData, GeoHandle};
use hickory_proto::op::Message;
use hickory_proto::rr::RecordType;
use rand::RngExt;
use serde_json::{Map, Value, json};
use server::{Disposition, Peer, Responder, Transport};
use sextant_tests::Question;
use store::MemoryStore;
use tower::ServiceExt;

use crate::World;

const KEY: &str = "explain-test-key";

/// The whole control plane without a socket, and a DNS responder over the same snapshot.
struct InProcess {
    service: Service,
    geo: GeoHandle,
    router: Router,
    runtime: tokio::runtime::Runtime,
}

impl InProcess {
    fn start() -> Self {
        let service = Service::open(Arc::new(MemoryStore::new()), ServiceOptions::default()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        open_admin_key(&service, folder.path(), Some(KEY)).unwrap();
        let geo = GeoHandle::new(GeoData::embedded());
        let router = control_api::router(service.clone(), geo.clone(), ApiOptions::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { service, geo, router, runtime }
    }

    fn call(&self, method: Method, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let request = Request::builder().method(&method).uri(path).header("X-NSONE-Key", KEY);
        let (status, octets) = self.runtime.block_on(async {
            let reply = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
            (reply.status(), to_bytes(reply.into_body(), usize::MAX).await.unwrap())
        });
        let value = serde_json::from_slice(&octets).unwrap();
        assert!(status.is_success(), "{method} {path}: {value}");
        value
    }

    /// A first reply to `question`.
    fn resolve(&self, question: &Question, source: IpAddr, seed: u64) -> Message {
        let mut responder = Responder::new(self.service.snapshot(), &self.geo, 1232, seed);
        let mut out = vec![0; 65_535];
        let from = Peer { address: SocketAddr::new(source, 53), transport: Transport::Tcp };
        let Disposition::Reply(octets) = responder.answer(&question.to_wire(7).unwrap(), from, &mut out)
        else {
            panic!("no reply to {question:?}");
        };
        Message::from_vec(&out[..octets]).unwrap()
    }
}

/// TTL and data of the answers of a reply.
fn sent_answers(message: &Message) -> Vec<(u32, String)> {
    message.answers.iter().map(|record| (record.ttl, record.data.to_string())).collect()
}

fn subnet_scope(message: &Message) -> Option<u8> {
    use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
    match message.edns.as_ref()?.option(EdnsCode::Subnet)? {
        EdnsOption::Subnet(subnet) => Some(subnet.scope_prefix()),
        _ => None,
    }
}

/// What an explanation says goes out: TTL and data of each record, those behind aliases too.
fn told_answers(told: &Value) -> Vec<(u32, String)> {
    let mut answers = Vec::new();
    let mut next = Some(told);
    while let Some(explanation) = next {
        let ttl = explanation["ttl"].as_u64().unwrap() as u32;
        let data = explanation["final"].as_array().unwrap().iter();
        answers.extend(data.map(|answer| (ttl, answer["rdata"].as_str().unwrap().to_owned())));
        next = explanation.get("next");
    }
    answers
}

/// Draws of the test itself.
struct Draws(Entropy);

impl Draws {
    fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end)
    }

    fn often(&mut self) -> bool {
        self.below(3) > 0
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    fn meta(&mut self, feeds: &[Value]) -> Map<String, Value> {
        let low = self.below(50);
        let choices = [
            ("up", json!(self.often())),
            ("up", json!({"feed": self.pick(feeds)})),
            ("weight", json!(self.below(100))),
            ("weight", json!({"feed": self.pick(feeds)})),
            ("priority", json!(1 + self.below(3))),
            ("cost", json!(self.below(3))),
            ("country", json!([self.pick(&["DE", "US", "JP", "BR", "NL"])])),
            ("us_state", json!([self.pick(&["CA", "NY"])])),
            ("georegion", json!([self.pick(&["EUROPE", "US-WEST", "ASIAPAC"])])),
            ("asn", json!([self.pick(&[3333, 15169])])),
            ("ip_prefixes", json!([self.pick(&["193.0.0.0/16", "8.8.8.0/25", "2001:4860::/32"])])),
            ("latitude", json!(self.below(90))),
            ("longitude", json!(self.below(180))),
            ("additional_metadata", json!([{"a": "b"}])),
            ("loadavg", json!(self.below(100))),
            ("low_watermark", json!(low)),
            ("high_watermark", json!(low + 50)),
        ];
        let count = self.below(8);
        (0..count).map(|_| self.pick(&choices).clone()).map(|(key, value)| (key.to_owned(), value)).collect()
    }

    fn step(&mut self, rtype: &str) -> Value {
        let flag = self.often();
        let (filter, config) = self
            .pick(&[
                ("up", json!({})),
                ("priority", json!({})),
                ("cost", json!({})),
                ("shuffle", json!({})),
                ("weighted_shuffle", json!({})),
                ("sticky", json!({"sticky_by_network": flag})),
                ("weighted_sticky", json!({"sticky_by_network": flag})),
                ("sticky_region", json!({"sticky_by_network": flag})),
                ("shed_load", json!({"metric": "loadavg"})),
                ("geotarget_country", json!({})),
                ("geotarget_regional", json!({})),
                ("geotarget_latlong", json!({})),
                ("geofence_country", json!({"remove_no_location": flag})),
                ("geofence_regional", json!({"remove_no_georegion": flag})),
                ("netfence_asn", json!({"remove_no_asn": flag})),
                ("netfence_prefix", json!({"remove_no_ip_prefixes": flag})),
                ("select_first_n", json!({"N": 3})),
                ("select_first_region", json!({})),
                ("ipv4_prefix_shuffle", json!({"N": 2})),
                ("parse_ipv4", json!({})),
                ("additional_metadata", json!({})),
            ])
            .clone();
        if rtype != "A" && ["ipv4_prefix_shuffle", "parse_ipv4"].contains(&filter) {
            return self.step(rtype);
        }
        json!({"filter": filter, "config": config, "disabled": self.below(8) == 0})
    }

    /// A record of random answers, metadata and steps; equal answers among them.
    fn record(&mut self, rtype: &str, answers: &[String], feeds: &[Value]) -> Value {
        let answer = |draws: &mut Self| {
            let mut answer = json!({"answer": [draws.pick(answers)], "meta": draws.meta(feeds)});
            if draws.often() {
                answer["region"] = json!(draws.pick(&["east", "west", "unlisted"]));
            }
            answer
        };
        let count = 1 + self.below(12);
        let answers: Vec<Value> = (0..count).map(|_| answer(self)).collect();
        let steps: Vec<Value> = (0..self.below(6)).map(|_| self.step(rtype)).collect();
        json!({
            "ttl": 1 + self.below(1000),
            "answers": answers,
            "filters": steps,
            "regions": {"east": {"meta": self.meta(feeds)}, "west": {"meta": self.meta(feeds)}},
            "meta": self.meta(feeds),
            "use_client_subnet": self.below(4) > 0,
            "on_empty": self.pick(&["nodata", "all", "previous"]),
        })
    }

    fn client(&mut self) -> IpAddr {
        match self.below(3) {
            0 => Ipv4Addr::from(self.0.random::<u32>()).into(),
            1 => self.pick(&["193.0.6.1", "8.8.8.8", "133.11.0.1", "200.160.2.3"]).parse().unwrap(),
            _ => self.pick(&["2001:4860:4860::8888", "2001:db8::1", "2a00:1450::1"]).parse().unwrap(),
        }
    }
}

/// A source with two feeds, one with data.
fn feeds(world: &InProcess) -> Vec<Value> {
    let source = json!({"name": "s", "sourcetype": "nsone_v1", "config": {}});
    let source = world.call(Method::PUT, "/v1/data/sources", &source)["id"].clone();
    let path = format!("/v1/data/feeds/{}", source.as_str().unwrap());
    let mut feeds = Vec::new();
    for label in ["a", "b"] {
        let feed = json!({"name": label, "config": {"label": label}});
        feeds.push(world.call(Method::PUT, &path, &feed)["id"].clone());
    }
    let values = json!({"a": {"up": true, "weight": 40}});
    world.call(Method::POST, &format!("/v1/feed/{}", source.as_str().unwrap()), &values);
    feeds
}

#[test]
fn an_explanation_says_what_goes_out_for_any_chain_client_and_seed() {
    const RECORDS: usize = 120;
    const ASKED: usize = 8;
    let world = InProcess::start();
    world.call(Method::PUT, "/v1/zones/x.test", &json!({"zone": "x.test"}));
    let feeds = feeds(&world);
    let mut draws = Draws(filters::from_seed_u64(20_260));
    let addresses: Vec<String> = (1..=8).map(|n| format!("192.0.2.{n}")).collect();
    let targets: Vec<String> = (0..RECORDS / 2).map(|n| format!("n{n}.x.test")).collect();
    let (mut emptied, mut described) = (0, 0);
    for number in 0..RECORDS {
        let (rtype, answers) = if number < RECORDS / 2 { ("A", &addresses) } else { ("CNAME", &targets) };
        let record = draws.record(rtype, answers, &feeds);
        let mut name = format!("n{number}.x.test");
        // Some records are wildcards, asked for by a name with an address in it.
        let owner = if number % 5 == 0 { format!("*.w{name}") } else { name.clone() };
        world.call(Method::PUT, &format!("/v1/zones/x.test/{owner}/{rtype}"), &record);
        if number % 5 == 0 {
            name = format!("192-0-2-77.w{name}");
        }
        for _ in 0..ASKED {
            let (source, seed) = (draws.client(), draws.0.random_range(0..u64::from(u32::MAX)));
            let mut question = Question::new(&name, RecordType::A);
            let mut path = format!("/v1/explain/x.test/{name}/A?client={source}&seed={seed}");
            if draws.often() {
                let subnet = draws.client();
                let bits = *draws.pick(if subnet.is_ipv4() { &[0, 16, 24, 32] } else { &[0, 32, 56, 128] });
                let prefix = filters::IpPrefix::new(subnet, bits);
                question = question.subnet(&prefix.to_string());
                path.push_str(&format!("&ecs={prefix}"));
            }
            let told = world.call(Method::GET, &path, &Value::Null);
            let reply = world.resolve(&question, source, seed);
            let (answers, scope) = (sent_answers(&reply), subnet_scope(&reply));
            assert_eq!(told_answers(&told), answers, "{path}\n{record}\n{told}");
            if let Some(scope) = scope {
                assert_eq!(told["scope"], scope, "{path}\n{record}\n{told}");
            }
            let owners = told["additional"].as_array().into_iter().flatten().map(|text| {
                assert_eq!(text["rdata"], "\"a=b\"");
                format!("{}.", text["domain"].as_str().unwrap())
            });
            assert!(owners.eq(reply.additionals.iter().map(|text| text.name.to_string())), "{path}\n{told}");
            described += reply.additionals.len();
            emptied += usize::from(answers.is_empty());
        }
    }
    assert!((1..RECORDS * ASKED / 2).contains(&emptied), "{emptied} empty answers: the chains are no test");
    assert!(described > 0, "no TXT records: the chains are no test");
    world.service.shutdown();
}

#[test]
fn the_running_server_explains_what_it_answers() {
    let world = World::with_zone("example.test");
    let body = json!({
        "answers": [
            {"answer": ["192.0.2.1"], "meta": {"country": ["DE"], "up": true}},
            {"answer": ["192.0.2.2"], "meta": {"country": "BR", "up": true}},
            {"answer": ["192.0.2.3"], "meta": {"country": ["JP"], "up": false}},
        ],
        "filters": [
            {"filter": "up", "config": {}},
            {"filter": "geotarget_country", "config": {}},
            {"filter": "sticky", "config": {}, "disabled": true},
            {"filter": "select_first_n", "config": {"N": 1}},
        ],
    });
    world.record("example.test", "geo.example.test", "A", &body);
    world.plain("example.test", "www.example.test", "CNAME", &[json!(["geo.example.test"])]);
    for subnet in ["193.0.6.0/24", "200.160.2.0/24", "131.113.0.0/24", "2001:4860::/32", "10.0.0.0/8"] {
        for name in ["geo.example.test", "www.example.test"] {
            let path = format!("/v1/explain/example.test/{name}/A?client=127.0.0.1&ecs={subnet}");
            let told = world.server.api().get(&path).unwrap();
            assert_eq!(told.status, 200, "{told:?}");
            let reply = world.server.ask_for(name, RecordType::A, subnet).unwrap();
            assert_eq!(told_answers(&told.body), sent_answers(&reply.message), "{name} {subnet}");
            assert_eq!(reply.scope().map(Value::from).as_ref(), Some(&told.body["scope"]), "{name} {subnet}");
        }
    }
}

#[test]
fn the_commands_print_a_table_or_the_data() {
    let world = World::with_zone("example.test");
    let body = json!({
        "answers": [{"answer": ["192.0.2.1"], "meta": {"up": false}}, {"answer": ["192.0.2.2"], "meta": {"up": true}}],
        "filters": [{"filter": "up", "config": {}}],
    });
    world.record("example.test", "www.example.test", "A", &body);
    let run = |arguments: &[&str]| {
        let mut command = world.server.command_line(env!("CARGO_BIN_EXE_sextant"));
        let output = command.args(arguments).output().unwrap();
        let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let explain = ["explain", "www.example.test", "A", "--client", "192.0.2.99"];
    let (code, printed, errors) = run(&explain);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    for line in ["1. up", "   dropped  192.0.2.1  down  [up false]", "answer  A 192.0.2.2", "scope   /0"] {
        assert!(printed.lines().any(|printed| printed == line), "{line:?} in\n{printed}");
    }
    let (code, printed, _) = run(&[&explain[..], &["--seed", "7", "--json"]].concat());
    let told: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((code, &told["seed"], told["final"].as_array().unwrap().len()), (Some(0), &json!(7), 1));
    let down = json!({"answers": [["192.0.2.7"]], "filters": []});
    let candidate = world.folder.path().join("candidate.json");
    std::fs::write(&candidate, down.to_string()).unwrap();
    let simulate = ["simulate", "www.example.test", "--client", "8.8.8.8,193.0.6.1"];
    let (code, printed, errors) = run(&simulate);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    for line in ["  192.0.2.1  0.00 %", "  192.0.2.2  100.00 %"] {
        assert!(printed.lines().any(|printed| printed == line), "{line:?} in\n{printed}");
    }
    let beside = [&simulate[..], &["--countries", "--record", candidate.to_str().unwrap()]].concat();
    let (code, printed, errors) = run(&beside);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    for line in ["100.00 % of clients would get another reply", "  NL US"] {
        assert!(printed.lines().any(|printed| printed == line), "{line:?} in\n{printed}");
    }
    let (_, printed, _) = run(&[&beside[..], &["--json"]].concat());
    let told: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(told["candidate"]["overall"], json!([{"answer": ["192.0.2.7"], "share": 1.0}]));
    let (code, _, errors) = run(&[&simulate[..], &["--record", "/nowhere"]].concat());
    assert!(code == Some(1) && errors.starts_with("error: /nowhere: "), "{errors}");
    for (name, client, reason) in [
        ("absent.example.test", "192.0.2.99", "record not found"),
        ("www.absent.test", "192.0.2.99", "no zone of this server holds www.absent.test"),
        ("www.example.test", "nowhere", "query parameter client: "),
    ] {
        let (code, printed, errors) = run(&["explain", name, "A", "--client", client]);
        assert_eq!((code, printed.as_str(), errors.lines().count()), (Some(1), "", 1), "{errors}");
        assert!(errors.contains(reason), "{errors}");
    }
}
