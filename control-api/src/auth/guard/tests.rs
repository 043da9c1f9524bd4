//! Every route of the table is tried without each of the rights it needs.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::*;
use crate::testing::TestApi;

/// The route with something in place of each parameter.
fn example(path: &str) -> String {
    let values = [
        ("{zone}", "a.test"),
        ("{domain}", "www.a.test"),
        ("{type}", "A"),
        ("{source}", "0123456789abcdef0123456789abcdef"),
    ];
    let path = values.iter().fold(path.to_owned(), |path, (name, value)| path.replace(name, value));
    let segment = |segment: &str| if segment.starts_with('{') { "x".to_owned() } else { segment.to_owned() };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// A permissions object that lacks some rights.
fn without(rights: &[Right]) -> Map<String, Value> {
    let mut permissions = Map::new();
    for right in rights {
        let group = permissions.entry(right.group()).or_insert_with(|| json!({}));
        group[right.flag()] = false.into();
    }
    permissions
}

fn rights_of(needs: Needs) -> &'static [Right] {
    let one = |right: Right| -> &'static [Right] {
        let index = Right::ALL.iter().position(|of| *of == right).unwrap();
        &Right::ALL[index..=index]
    };
    match needs {
        Nothing | Key => &[],
        Needs::Right(right) | Zone(right, _) | Record(right) | ZoneKeys(right) => one(right),
        AnyOf(rights) => rights,
    }
}

#[tokio::test]
async fn every_route_refuses_a_key_without_its_right_and_lets_one_with_it_pass() {
    let api = TestApi::new().await;
    api.done("PUT", "/v1/zones/a.test", json!({"zone": "a.test"})).await;
    for (number, (method, path, needs)) in TABLE.iter().enumerate() {
        let needed = rights_of(*needs);
        if needed.is_empty() {
            continue;
        }
        let lacking = api.key(&format!("lacking-{number}"), without(needed)).await;
        let reply = api.call_with(&lacking, method, &example(path), json!({})).await;
        assert_eq!(reply.status, 403, "{method} {path}: {}", reply.text());
        for right in needed {
            assert!(reply.message().contains(&right.to_string()), "{method} {path}: {}", reply.text());
        }
        let others: Vec<Right> = Right::ALL.iter().filter(|right| !needed.contains(right)).copied().collect();
        let holding = api.key(&format!("holding-{number}"), without(&others)).await;
        let reply = api.call_with(&holding, method, &example(path), json!({})).await;
        assert_ne!(reply.status, 403, "{method} {path}: {}", reply.text());
    }
}

#[tokio::test]
async fn every_route_needs_a_key_from_its_networks_unless_it_is_for_probes() {
    let api = TestApi::new().await;
    let strict = json!({"name": "strict", "ip_whitelist": ["192.0.2.1"], "ip_whitelist_strict": true});
    let strict = api.done("PUT", "/v1/account/apikeys", strict).await["key"].as_str().unwrap().to_owned();
    for (method, path, needs) in TABLE {
        let is_open = matches!(needs, Nothing);
        let reply = api.call_with("", method, &example(path), json!({})).await;
        assert_eq!(reply.status == 401, !is_open, "{method} {path}: {}", reply.text());
        let reply = api.call_from("198.51.100.1", &strict, method, &example(path), json!({})).await;
        assert_eq!(reply.text().contains("may not be used from"), !is_open, "{method} {path}");
        assert_eq!(reply.status == 403, !is_open, "{method} {path}: {}", reply.text());
    }
}

#[test]
fn the_table_names_each_route_once_and_its_parameters_are_there() {
    let mut seen = std::collections::HashSet::new();
    for (method, path, needs) in TABLE {
        assert!(seen.insert((method, path)), "{method} {path}");
        let parameters: &[&str] = match needs {
            Zone(..) | ZoneKeys(_) => &["{zone}"],
            Record(_) => &["{zone}", "{domain}", "{type}"],
            Nothing | Key | Needs::Right(_) | AnyOf(_) => &[],
        };
        assert!(parameters.iter().all(|parameter| path.contains(parameter)), "{method} {path}");
    }
}

#[test]
fn a_route_that_the_table_does_not_name_is_refused() {
    let decide = |path, method| decide(path, &method, Some(&mut Actor::system()), &|_| "").unwrap_err();
    assert_eq!(decide("/v1/forgotten", Method::GET).status, StatusCode::FORBIDDEN);
    assert_eq!(decide("/v1/zones", Method::DELETE).status, StatusCode::METHOD_NOT_ALLOWED);
}

/// `a.test` and `b.test`, each with a record `www`, and an alias from the first to the second.
async fn two_zones() -> TestApi {
    let api = TestApi::new().await;
    for zone in ["a.test", "b.test"] {
        api.done("PUT", &format!("/v1/zones/{zone}"), json!({"zone": zone})).await;
        let path = format!("/v1/zones/{zone}/www.{zone}/A");
        api.done("PUT", &path, json!({"answers": [["192.0.2.1"]]})).await;
    }
    let alias = json!({"answers": [["www.b.test"]]});
    api.done("PUT", "/v1/zones/a.test/alias.a.test/CNAME", alias).await;
    api
}

async fn restricted(api: &TestApi, dns: Value) -> String {
    api.key("restricted", json!({"dns": dns}).as_object().cloned().unwrap()).await
}

#[tokio::test]
async fn zones_out_of_reach_are_neither_listed_nor_found() {
    let api = two_zones().await;
    let key = restricted(&api, json!({"zones_allow_by_default": false, "zones_allow": ["a.test"]})).await;
    let get = async |path: &str| api.call_with(&key, "GET", path, Value::Null).await;
    let zones = get("/v1/zones").await.json();
    assert_eq!(zones.as_array().unwrap().len(), 1);
    assert_eq!(zones[0]["zone"], "a.test");
    for query in ["q=test&type=zone", "q=b.test", "q=192.0.2&type=answers", "q=test&expand=true"] {
        let found = get(&format!("/v1/search?{query}")).await;
        assert!(!found.text().contains("\"zone\":\"b.test\""), "{query}: {}", found.text());
    }
    for (method, path) in [
        ("GET", "/v1/zones/b.test"),
        ("GET", "/v1/zones/B.test."),
        ("POST", "/v1/zones/b.test"),
        ("DELETE", "/v1/zones/b.test"),
        ("GET", "/v1/zones/b.test/dnssec"),
        ("GET", "/v1/zones/b.test/www.b.test/A"),
        ("PUT", "/v1/zones/b.test/new.b.test/A"),
        ("DELETE", "/v1/zones/b.test/www.b.test/A"),
        ("GET", "/v1/explain/b.test/www.b.test/A?client=192.0.2.53"),
        ("POST", "/v1/simulate/b.test/www.b.test/A"),
    ] {
        let reply = api.call_with(&key, method, path, json!({})).await;
        assert_eq!((reply.status.as_u16(), &*reply.message()), (404, "zone not found"), "{method} {path}");
    }
    for path in ["/v1/zones/c.test", "/v1/import/zonefile/c.test"] {
        assert_eq!(api.call_with(&key, "PUT", path, json!({"zone": "c.test"})).await.status, 403, "{path}");
    }
    let whole = get("/v1/explain/a.test/alias.a.test/A?client=192.0.2.53").await;
    assert_eq!(whole.status, 200);
    assert!(!whole.text().contains("192.0.2.1"), "{}", whole.text());
    assert_eq!(api.call_with(&key, "DELETE", "/v1/zones/a.test", Value::Null).await.status, 200);
}

#[tokio::test]
async fn a_zone_that_is_linked_must_be_seen_as_a_whole() {
    let api = two_zones().await;
    let dns = json!({"zones_allow_by_default": false, "zones_allow": ["a.test"]});
    let key = restricted(&api, dns).await;
    let put = async |link: &str| {
        let body = json!({"zone": "a.test", "link": link});
        api.call_with(&key, "PUT", "/v1/zones/a.test", body).await
    };
    api.done("DELETE", "/v1/zones/a.test", Value::Null).await;
    assert!(put("b.test").await.message().contains("does not exist"));
}

#[tokio::test]
async fn a_record_that_is_linked_must_be_seen() {
    let api = two_zones().await;
    let deny = json!([{"zone": "d.test", "type": "TXT"}]);
    let key = restricted(&api, json!({"zones_deny": ["b.test", "c.test"], "records_deny": deny})).await;
    for zone in ["d.test", "deep.d.test"] {
        api.done("PUT", &format!("/v1/zones/{zone}"), json!({"zone": zone})).await;
    }
    let put = async |key: &str, rtype: &str, link: &str| {
        let path = format!("/v1/zones/a.test/{rtype}-{link}.a.test/{rtype}");
        api.call_with(key, "PUT", &path, json!({"link": link, "answers": []})).await
    };
    for (rtype, link, is_seen) in [
        // Of a record and a zone out of reach it is not told whether they are there.
        ("A", "www.b.test", false),
        ("A", "absent.b.test", false),
        ("A", "www.c.test", false),
        ("TXT", "d.test", false),
        ("TXT", "x.deep.d.test", true),
        ("A", "d.test", true),
        ("A", "later.elsewhere.test", true),
    ] {
        let reply = put(&key, rtype, link).await;
        let expected = if is_seen { 200 } else { 400 };
        assert_eq!(reply.status, expected, "{link} {rtype}: {}", reply.text());
        if !is_seen {
            assert_eq!(reply.message(), format!("link: record {link} {rtype} does not exist"));
            assert_eq!(put(crate::testing::KEY, rtype, link).await.status, 200, "{link} {rtype}");
        }
    }
}

#[tokio::test]
async fn a_version_brings_no_link_back_that_its_activator_cannot_see() {
    let api = two_zones().await;
    let path = "/v1/zones/a.test/link.a.test/A";
    api.done("PUT", path, json!({"link": "www.b.test", "answers": []})).await;
    api.done("PUT", "/v1/zones/a.test/versions", json!({})).await;
    let key = restricted(&api, json!({"zones_deny": ["b.test"]})).await;
    let activate =
        async |key: &str| api.call_with(key, "POST", "/v1/zones/a.test/versions/1/activate", json!({})).await;
    assert_eq!(activate(&key).await.status, 200, "what is there already stays");
    assert_eq!(api.call_with(&key, "POST", path, json!({"ttl": 60})).await.status, 200);
    api.done("DELETE", path, Value::Null).await;
    let refused = activate(&key).await;
    let message = "version 1, link.a.test A: link: record www.b.test A does not exist";
    assert_eq!((refused.status.as_u16(), &*refused.message()), (400, message));
    assert_eq!(activate(crate::testing::KEY).await.status, 200);
}

#[tokio::test]
async fn what_a_question_leads_to_must_be_seen_as_well() {
    let api = two_zones().await;
    api.done("PUT", "/v1/zones/a.test/*.a.test/A", json!({"answers": [["192.0.2.9"]]})).await;
    api.done("PUT", "/v1/zones/linked.test", json!({"zone": "linked.test", "link": "b.test"})).await;
    let deny = json!([{"zone": "a.test", "domain": "*.a.test"}, {"zone": "a.test", "type": "CNAME"}]);
    let key = restricted(&api, json!({"zones_deny": ["b.test"], "records_deny": deny})).await;
    for place in ["a.test/x.a.test/A", "a.test/alias.a.test/A", "linked.test/www.linked.test/A"] {
        for (method, path) in
            [("GET", format!("explain/{place}?client=192.0.2.53")), ("POST", format!("simulate/{place}"))]
        {
            let body = json!({"clients": ["192.0.2.53"]});
            assert_eq!(api.call(method, &format!("/v1/{path}"), body.clone()).await.status, 200, "{path}");
            let refused = api.call_with(&key, method, &format!("/v1/{path}"), body).await;
            assert_eq!(refused.status, 403, "{path}: {}", refused.text());
            assert!(!refused.text().contains("b.test"), "{path}: {}", refused.text());
        }
    }
}

#[tokio::test]
async fn a_job_that_shows_a_whole_zone_is_for_those_who_may_see_it() {
    let api = TestApi::new().await;
    let form = "--x\r\ncontent-disposition: form-data; name=\"zonefile\"; filename=\"z\"\r\n\r\nwww A 192.0.2.1\r\n--x--\r\n";
    let request = Request::put("/v1/import/zonefile/c.test?async=true")
        .header("x-nsone-key", crate::testing::KEY)
        .header("content-type", "multipart/form-data; boundary=x");
    let job = api.send(request.body(Body::from(form)).unwrap()).await;
    let path = format!("/v1/import/zonefile/{}", job.json()["id"].as_str().unwrap());
    let deny = json!([{"zone": "c.test", "type": "A"}]);
    for (dns, status) in
        [(json!({}), 200), (json!({"records_deny": deny}), 404), (json!({"zones_deny": ["c.test"]}), 404)]
    {
        let key = api.key(&dns.to_string(), json!({"dns": dns}).as_object().cloned().unwrap()).await;
        let reply = api.call_with(&key, "GET", &path, Value::Null).await;
        assert_eq!(reply.status, status, "{dns}: {}", reply.text());
    }
}

#[tokio::test]
async fn who_has_no_right_to_data_does_not_learn_where_to_push_it() {
    let api = two_zones().await;
    let source = json!({"name": "p", "sourcetype": "pingdom"});
    let source = api.done("PUT", "/v1/data/sources", source).await["id"].as_str().unwrap().to_owned();
    let feed = json!({"name": "f", "config": {"check_id": 7}});
    let feed = api.done("PUT", &format!("/v1/data/feeds/{source}"), feed).await;
    let steered = json!({"answers": [{"answer": ["192.0.2.1"], "meta": {"up": {"feed": feed["id"]}}}]});
    let path = "/v1/zones/a.test/www.a.test/A";
    assert!(api.call("POST", path, steered).await.text().contains(&source));
    let rights = [ManageDatasources, ManageDatafeeds, PushToDatafeeds];
    let viewer = api.key("viewer", without(&rights)).await;
    let pusher = api.key("pusher", without(&rights[..2])).await;
    for path in [path, "/v1/search?q=www&type=record&expand=true"] {
        for (key, is_shown) in [(&viewer, false), (&pusher, true)] {
            let reply = api.call_with(key, "GET", path, Value::Null).await;
            assert_eq!(
                (reply.status.as_u16(), reply.text().contains(&source)),
                (200, is_shown),
                "{key} {path}"
            );
        }
    }
}

/// Keeps all changes waiting until the returned sender is used or dropped.
async fn hold(api: &TestApi) -> std::sync::mpsc::Sender<()> {
    let (release, released) = std::sync::mpsc::channel();
    let (started, has_started) = tokio::sync::oneshot::channel();
    let service = api.service.clone();
    tokio::spawn(async move {
        let wait = move |_: &mut crate::Transaction<'_>| {
            let _ = started.send(());
            let _ = released.recv();
            Ok(())
        };
        service.commit(&Actor::system(), wait).await.unwrap();
    });
    has_started.await.unwrap();
    release
}

#[tokio::test]
async fn a_right_that_is_taken_away_while_a_change_waits_is_gone_for_that_change() {
    let api = two_zones().await;
    let source = json!({"name": "api", "sourcetype": "nsone_v1"});
    let source = api.done("PUT", "/v1/data/sources", source).await["id"].as_str().unwrap().to_owned();
    let (feeds, answers) = (format!("/v1/data/feeds/{source}"), json!({"answers": [["192.0.2.9"]]}));
    api.done("PUT", "/v1/zones/a.test/versions", json!({})).await;
    let key = restricted(&api, json!({})).await;
    let id =
        api.done("GET", "/v1/account/apikeys", Value::Null).await.as_array().unwrap().iter().find_map(
            |shown| (shown["name"] == "restricted").then(|| shown["id"].as_str().unwrap().to_owned()),
        );
    let path = format!("/v1/account/apikeys/{}", id.unwrap());
    for (method, place, body, taken) in [
        ("PUT", "/v1/zones/a.test/new.a.test/A", answers.clone(), json!({"dns": {"manage_zones": false}})),
        (
            "POST",
            "/v1/zones/a.test/www.a.test/A",
            answers.clone(),
            json!({"dns": {"zones_deny": ["a.test"]}}),
        ),
        ("DELETE", "/v1/zones/a.test/www.a.test/A", json!({}), json!({"dns": {"manage_zones": false}})),
        ("PUT", "/v1/zones/c.test", json!({"zone": "c.test"}), json!({"dns": {"zones_deny": ["c.test"]}})),
        ("POST", "/v1/zones/a.test", json!({"ttl": 5}), json!({"dns": {"zones_deny": ["a.test"]}})),
        ("DELETE", "/v1/zones/a.test", json!({}), json!({"dns": {"records_deny": [{"zone": "a.test"}]}})),
        (
            "PUT",
            &*feeds,
            json!({"name": "f", "config": {"label": "f"}}),
            json!({"data": {"manage_datafeeds": false}}),
        ),
        ("PUT", "/v1/account/teams", json!({"name": "t"}), json!({"account": {"manage_teams": false}})),
    ] {
        let before = api.service.revision();
        let release = hold(&api).await;
        let take = api.call("POST", &path, json!({"permissions": taken}));
        // Both wait in the order in which they are polled, and are one batch when they are let go.
        let (took, refused, ()) =
            tokio::join!(take, api.call_with(&key, method, place, body), async { drop(release) });
        assert_eq!(took.status, 200, "{}", took.text());
        assert!(matches!(refused.status.as_u16(), 403 | 404), "{method} {place}: {}", refused.text());
        assert_eq!(api.service.revision(), before + 1, "{method} {place}");
        api.done(
            "POST",
            &path,
            json!({"permissions": {
                "dns": {"manage_zones": true, "zones_deny": [], "records_deny": []},
                "data": {"manage_datafeeds": true}, "account": {"manage_teams": true},
            }}),
        )
        .await;
    }
}

#[tokio::test]
async fn rules_about_records_limit_what_is_seen_and_changed_of_a_zone() {
    let api = two_zones().await;
    let rule = json!([{"zone": "a.test", "domain": "www.a.test", "type": "A"}]);
    let only = json!({"zones_allow_by_default": false, "records_allow": rule});
    let key = restricted(&api, only).await;
    let zone = api.call_with(&key, "GET", "/v1/zones/a.test", Value::Null).await.json();
    assert_eq!(zone["records"].as_array().unwrap().len(), 1);
    assert_eq!(zone["records"][0]["domain"], "www.a.test");
    let all = api.key("all-but", json!({"dns": {"records_deny": rule}}).as_object().cloned().unwrap()).await;
    let zone = api.call_with(&all, "GET", "/v1/zones/a.test", Value::Null).await;
    assert!(!zone.text().contains("www.a.test\""), "{}", zone.text());
    for (key, path, status) in [
        (&key, "/v1/zones/a.test/www.a.test/A", 200),
        (&key, "/v1/zones/a.test/alias.a.test/CNAME", 403),
        (&key, "/v1/zones/a.test/dnssec", 403),
        (&all, "/v1/zones/a.test/www.a.test/A", 403),
        (&all, "/v1/zones/a.test/www.a.test/type1", 403),
        (&all, "/v1/zones/A.test./%5c119ww.a.test./A", 403),
        (&all, "/v1/zones/a.test/alias.a.test/CNAME", 200),
        (&all, "/v1/zones/a.test/dnssec", 404),
    ] {
        let reply = api.call_with(key, "GET", path, Value::Null).await;
        assert_eq!(reply.status, status, "{key} {path}: {}", reply.text());
    }
    for (key, method, status) in [(&key, "POST", 403), (&all, "POST", 200), (&all, "DELETE", 403)] {
        let reply = api.call_with(key, method, "/v1/zones/a.test", json!({"ttl": 60})).await;
        assert_eq!(reply.status, status, "{key} {method}: {}", reply.text());
        assert!(!reply.text().contains("www.a.test\""), "{}", reply.text());
    }
}

#[test]
fn the_table_and_the_description_of_the_api_name_the_same_routes() {
    let described = crate::openapi::operations();
    let described: BTreeSet<(&str, &str)> = described.iter().map(|(m, p)| (m.as_str(), p.as_str())).collect();
    // What is refused whoever asks is described nowhere.
    let is_described = |method: &str, path: &str| {
        !path.starts_with("/v1/account/paymentmethods")
            || (method, path) == ("GET", "/v1/account/paymentmethods")
    };
    let guarded = TABLE.iter().map(|(method, path, _)| (*method, *path));
    let guarded: BTreeSet<(&str, &str)> =
        guarded.filter(|(method, path)| is_described(method, path)).collect();
    assert_eq!(guarded.difference(&described).collect::<Vec<_>>(), Vec::<&(&str, &str)>::new());
    assert_eq!(described.difference(&guarded).collect::<Vec<_>>(), Vec::<&(&str, &str)>::new());
}
