//! Live data: sources, feeds, pushes.

use hickory_proto::rr::RecordType;
use serde_json::{Value, json};

use crate::{World, launch};

/// A source with two feeds, labelled `a` and `b`; returns their ids.
fn source(world: &World) -> (String, String, String) {
    let api = world.server.api();
    let text = |value: &Value| value["id"].as_str().unwrap().to_owned();
    let source = api
        .put("/v1/data/sources", &json!({"name": "mine", "sourcetype": "nsone_v1", "config": {}}))
        .unwrap();
    assert_eq!(source.status, 200, "{source:?}");
    let id = text(&source.body);
    assert_eq!(id.len(), 32);
    let feed = |label: &str| {
        let body = json!({"name": format!("feed {label}"), "config": {"label": label}});
        let reply = api.put(&format!("/v1/data/feeds/{id}"), &body).unwrap();
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!((&reply.body["data"], &reply.body["destinations"]), (&json!({}), &json!([])));
        text(&reply.body)
    };
    let (a, b) = (feed("a"), feed("b"));
    (id, a, b)
}

fn steered(world: &World) -> (String, String, String) {
    let (source, a, b) = source(world);
    let body = json!({
        "answers": [
            {"answer": ["192.0.2.1"], "meta": {"up": {"feed": a}}},
            {"answer": ["192.0.2.2"], "meta": {"up": {"feed": b}}},
        ],
        "filters": [{"filter": "up", "config": {}}],
    });
    let stored = world.record("example.test", "www.example.test", "A", &body);
    assert_eq!(stored["answers"][0]["feeds"], json!([{"source": source, "feed": a}]));
    (source, a, b)
}

#[test]
fn a_push_is_seen_by_the_next_query() {
    let world = World::with_zone("example.test");
    let (source, a, _) = steered(&world);
    let api = world.server.api();
    let path = format!("/v1/feed/{source}");
    let ask = || world.server.ask("www.example.test", RecordType::A).unwrap().answers();
    assert_eq!(ask().len(), 2, "nobody is known to be up, so the filter is bypassed");
    for round in 0..20 {
        let up = round % 2 == 0;
        let reply =
            api.post(&path, &json!({"a": {"up": up}, "b": {"up": !up}, "unknown": {"up": true}})).unwrap();
        assert_eq!((reply.status, reply.body), (200, json!({})));
        assert_eq!(ask(), [if up { "A 192.0.2.1" } else { "A 192.0.2.2" }]);
    }
    assert_eq!(api.post(&path, &json!({"up": "true"})).unwrap().status, 200);
    assert_eq!(ask().len(), 2, "plain pairs go to every feed");
    let feed = api.get(&format!("/v1/data/feeds/{source}/{a}")).unwrap().body;
    assert_eq!(feed["data"], json!({"up": "true"}));
    assert_eq!(feed["destinations"][0]["desttype"], json!("answer"));
}

#[test]
fn a_push_raises_no_serial() {
    let world = World::with_zone("example.test");
    let (source, ..) = steered(&world);
    let serial = || world.server.api().get("/v1/zones/example.test").unwrap().body["serial"].clone();
    let before = serial();
    world.server.api().post(&format!("/v1/feed/{source}"), &json!({"up": false})).unwrap();
    assert_eq!(serial(), before);
}

#[test]
fn pushed_values_survive_a_crash() {
    let world = World::with_zone("example.test");
    let (source, a, _) = steered(&world);
    world
        .server
        .api()
        .post(&format!("/v1/feed/{source}"), &json!({"a": {"up": false}, "b": {"up": true}}))
        .unwrap();
    let folder = world.folder;
    world.server.kill().unwrap();
    let server = launch(&folder).start().unwrap();
    assert_eq!(server.ask("www.example.test", RecordType::A).unwrap().answers(), ["A 192.0.2.2"]);
    assert_eq!(
        server.api().get(&format!("/v1/data/feeds/{source}/{a}")).unwrap().body["data"],
        json!({"up": false})
    );
}

#[test]
fn a_wrong_push_is_refused_and_changes_nothing() {
    let world = World::with_zone("example.test");
    let (source, ..) = steered(&world);
    let api = world.server.api();
    let path = format!("/v1/feed/{source}");
    api.post(&path, &json!({"a": {"up": true}, "b": {"up": false}})).unwrap();
    for (body, named) in [
        (json!({"a": {"up": false}, "b": {"up": "maybe"}}), "up"),
        (json!({"b": {"weight": -1}}), "weight"),
        (json!({"b": {"colour": 1}}), "colour"),
        (json!({"latitude": 200}), "latitude"),
    ] {
        let reply = api.post(&path, &body).unwrap();
        assert_eq!(reply.status, 400, "{body}");
        assert!(reply.message().contains(named), "{body}: {}", reply.message());
        assert_eq!(world.server.ask("www.example.test", RecordType::A).unwrap().answers(), ["A 192.0.2.1"]);
    }
    assert_eq!(
        api.post("/v1/feed/00000000000000000000000000000000", &json!({"up": true})).unwrap().status,
        404
    );
}

#[test]
fn a_pointer_to_an_unknown_feed_is_refused_and_a_deleted_feed_leaves_the_record() {
    let world = World::with_zone("example.test");
    let api = world.server.api();
    let unknown = json!({
        "zone": "example.test", "domain": "x.example.test", "type": "A",
        "answers": [{"answer": ["192.0.2.1"], "meta": {"up": {"feed": "0123456789abcdef01234567"}}}],
    });
    let reply = api.put("/v1/zones/example.test/x.example.test/A", &unknown).unwrap();
    assert_eq!((reply.status, reply.message()), (400, "invalid feed pointer"));
    let (source, a, b) = steered(&world);
    assert_eq!(api.delete(&format!("/v1/data/feeds/{source}/{a}")).unwrap().status, 200);
    let record = api.get("/v1/zones/example.test/www.example.test/A").unwrap().body;
    assert_eq!(record["answers"][0]["meta"], json!({}));
    assert_eq!(record["answers"][1]["meta"], json!({"up": {"feed": b}}));
    api.post(&format!("/v1/feed/{source}"), &json!({"b": {"up": true}})).unwrap();
    assert_eq!(world.server.ask("www.example.test", RecordType::A).unwrap().answers(), ["A 192.0.2.2"]);
}
