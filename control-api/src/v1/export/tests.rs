use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::testing::{KEY, Reply, TestApi};

/// Starts an export and asks for its status until it has ended.
async fn export(api: &TestApi, zone: &str) -> Value {
    api.done("PUT", &format!("/v1/export/zonefile/{zone}"), json!({})).await;
    loop {
        let status = api.get(&format!("/v1/export/zonefile/{zone}/status")).await.json();
        if !["QUEUED", "GENERATING"].contains(&status["status"].as_str().unwrap()) {
            return status;
        }
        tokio::task::yield_now().await;
    }
}

async fn text_of(api: &TestApi, zone: &str) -> String {
    assert_eq!(export(api, zone).await["status"], "COMPLETED");
    let reply = api.get(&format!("/v1/export/zonefile/{zone}")).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.text().to_owned()
}

async fn import(api: &TestApi, zone: &str, file: &str) -> Reply {
    let form =
        format!("--edge\r\ncontent-disposition: form-data; name=\"zonefile\"\r\n\r\n{file}\r\n--edge--\r\n");
    let request = Request::put(format!("/v1/import/zonefile/{zone}"))
        .header("x-nsone-key", KEY)
        .header("content-type", "multipart/form-data; boundary=edge");
    api.send(request.body(Body::from(form)).unwrap()).await
}

/// Every record of a zone but for its ids.
async fn content(api: &TestApi, zone: &str) -> Vec<Value> {
    let listed = api.get(&format!("/v1/zones/{zone}")).await.json();
    let strip = |record: &Value| {
        let mut record = record.clone();
        record.as_object_mut().unwrap().remove("id");
        record
    };
    listed["records"].as_array().unwrap().iter().map(strip).collect()
}

const HARD: &str = r#"$TTL 300
@ IN SOA ns1.old.example. host\.master.old.example. 7 43200 7200 1209600 61
mail 600 IN MX 10 mx
mail 600 IN MX 20 mx.elsewhere.test.
*.wild IN TXT "semi;colon" "quo\"te" "back\\slash" "\200\000" ""
a\.b IN A 192.0.2.3
sub IN NS ns.sub
ns.sub IN AAAA 2001:db8::1
svc IN SVCB 1 . alpn="h2,h3" port=8443 key65333="x"
_x._tcp IN SRV 1 2 3 svc
odd IN TYPE65400 \# 3 0a0b0c
caa IN CAA 0 issue "ca.test; a=b"
dn IN DNAME elsewhere.test.
0/25 IN PTR a.b.c.
loc IN LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000.00m 10.00m
"#;

#[tokio::test]
async fn an_exported_zone_imports_as_the_same_zone() {
    let api = TestApi::new().await;
    let imported = import(&api, "a.example", HARD).await;
    assert_eq!(imported.status, 200, "{}", imported.text());
    assert_eq!(imported.json()["warnings"], json!([]));
    let (before, zone) =
        (content(&api, "a.example").await, api.get("/v1/zones/a.example?records=0").await.json());
    let first = text_of(&api, "a.example").await;
    api.done("DELETE", "/v1/zones/a.example", json!({})).await;
    let again = import(&api, "a.example", &first).await;
    assert_eq!(again.json()["warnings"], json!([]), "{first}");
    assert_eq!(content(&api, "a.example").await, before, "{first}");
    let new = api.get("/v1/zones/a.example?records=0").await.json();
    for field in
        ["ttl", "nx_ttl", "refresh", "retry", "expiry", "hostmaster", "primary_master", "dns_servers"]
    {
        assert_eq!(new[field], zone[field], "{field}");
    }
    assert!(new["serial"].as_u64() > zone["serial"].as_u64());
    let without_serial =
        |text: &str| text.lines().filter(|line| !line.contains("SOA")).map(str::to_owned).collect();
    let lines: [Vec<String>; 2] = [without_serial(&first), without_serial(&text_of(&api, "a.example").await)];
    assert_eq!(lines[0], lines[1]);
}

#[tokio::test]
async fn an_export_is_made_again_only_when_the_zone_has_changed() {
    let api = TestApi::new().await;
    api.done("PUT", "/v1/zones/a.example", json!({"zone": "a.example"})).await;
    let path = "/v1/export/zonefile/a.example";
    for path in [path, "/v1/export/zonefile/a.example/status"] {
        let missing = api.get(path).await;
        assert_eq!(missing.status, 404);
        assert!(missing.message().starts_with("No export found"), "{}", missing.text());
    }
    let first = export(&api, "a.example").await;
    assert!(first["generated_at"].as_str().unwrap().ends_with('Z'), "{first}");
    let head = api.get(path).await;
    assert!(head.header("content-type").starts_with("text/plain"));
    assert_eq!(head.header("content-disposition"), "attachment; filename=\"a.example.zone\"");
    assert_eq!(head.header("etag").len(), 42);
    assert_eq!(api.done("PUT", path, json!({})).await, first);
    api.done("PUT", "/v1/zones/a.example/www.a.example/A", json!({"answers": ["192.0.2.1"]})).await;
    assert!(!api.get(path).await.text().contains("192.0.2.1"), "the last export as it was written");
    assert!(text_of(&api, "a.example").await.contains("\nwww\t3600\tIN\tA\t192.0.2.1\n"));
    api.done("DELETE", "/v1/zones/a.example", json!({})).await;
    api.done("PUT", "/v1/zones/a.example", json!({"zone": "a.example"})).await;
    assert!(!text_of(&api, "a.example").await.contains("192.0.2.1"));
    for method in ["PUT", "GET"] {
        assert_eq!(
            api.call(method, "/v1/export/zonefile/b.example", json!({})).await.message(),
            "zone not found"
        );
    }
}

#[tokio::test]
async fn chains_and_links_are_exported_as_their_answers() {
    let api = TestApi::new().await;
    for zone in ["a.example", "b.example"] {
        api.done("PUT", &format!("/v1/zones/{zone}"), json!({"zone": zone})).await;
    }
    let body = json!({
        "answers": [{"answer": ["192.0.2.1"], "region": "x"}, {"answer": ["192.0.2.2"]}, ["192.0.2.1"]],
        "filters": [{"filter": "shuffle", "config": {}}], "regions": {"x": {"meta": {}}}, "ttl": 5,
    });
    api.done("PUT", "/v1/zones/a.example/www.a.example/A", body).await;
    api.done("PUT", "/v1/zones/b.example/b.example/A", json!({"link": "www.a.example"})).await;
    let text = text_of(&api, "b.example").await;
    let expected = "; b.example A is linked to www.a.example; these are its answers\n\
                    ; b.example A has a filter chain of 1 steps, which is not in this file\n\
                    @\t5\tIN\tA\t192.0.2.1\n@\t5\tIN\tA\t192.0.2.2\n";
    assert!(text.contains(expected), "{text}");
    let aliases = json!({"answers": ["x.test", "y.test"], "filters": [{"filter": "shuffle", "config": {}}]});
    api.done("PUT", "/v1/zones/b.example/alias.b.example/CNAME", aliases).await;
    let text = text_of(&api, "b.example").await;
    assert_eq!(text.matches("\tCNAME\t").count(), 1, "{text}");
    api.done("PUT", "/v1/zones/c.example", json!({"zone": "c.example", "link": "a.example"})).await;
    let text = text_of(&api, "c.example").await;
    assert!(text.starts_with("$ORIGIN c.example.\n"), "{text}");
    assert!(text.contains("\nwww\t5\tIN\tA\t192.0.2.2\n"), "{text}");
}

#[tokio::test]
async fn a_large_zone_comes_in_pieces_and_whole() {
    let api = TestApi::new().await;
    let file = "$TTL 60\n@ SOA a b 1 2 3 4 5\n$GENERATE 1-12000 host$ A 192.0.2.1\n";
    let reply = import(&api, "a.example", file).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let text = text_of(&api, "a.example").await;
    assert!(text.len() > 2 * super::PIECE_OCTETS);
    assert_eq!(text.lines().filter(|line| line.starts_with("host")).count(), 12000);
}
