use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use zones::RecordType;

use super::Size;
use crate::limits::{CONCURRENT_SMALL_IMPORTS, IMPORT_JOBS_KEPT, Limits, SMALL_BODY_BYTES};
use crate::service::ServiceOptions;
use crate::testing::{KEY, Reply, TestApi};

const FILE: &str = "$TTL 300
@ IN SOA ns1.old.example. hostmaster.old.example. 2024010101 43200 7200 1209600 3600
@ IN NS ns1.old.example.
@ IN NS ns2.old.example.
www IN A 192.0.2.1
www IN A 192.0.2.2
mail 600 IN MX 10 mx
mx IN A 192.0.2.3
";

async fn upload(api: &TestApi, target: &str, file: &str) -> Reply {
    let form = format!(
        "--edge\r\ncontent-disposition: form-data; name=\"note\"\r\n\r\nignored\r\n--edge\r\n\
         content-disposition: form-data; name=\"zonefile\"; filename=\"z\"\r\n\r\n{file}\r\n--edge--\r\n"
    );
    let request = Request::put(format!("/v1/import/zonefile/{target}"))
        .header("x-nsone-key", KEY)
        .header("content-length", form.len())
        .header("content-type", "multipart/form-data; boundary=edge");
    api.send(request.body(Body::from(form)).unwrap()).await
}

#[tokio::test]
async fn a_zone_file_becomes_a_zone_with_our_name_servers() {
    let api = TestApi::new().await;
    let reply = upload(&api, "a.example", FILE).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    let zone = reply.json();
    assert_eq!(zone["zone"], "a.example");
    assert_eq!(
        (&zone["refresh"], &zone["retry"], &zone["expiry"]),
        (&json!(43200), &json!(7200), &json!(1209600))
    );
    assert_eq!(zone["hostmaster"], "hostmaster@old.example");
    assert_eq!(zone["warnings"], json!([]));
    let records = zone["records"].as_array().unwrap();
    let names: Vec<String> = records
        .iter()
        .map(|record| {
            format!("{} {} {}", record["domain"], record["type"], record["answers"].as_array().unwrap().len())
        })
        .collect();
    assert!(names.contains(&"\"www.a.example\" \"A\" 2".to_owned()), "{names:?}");
    assert_eq!(names.len(), 4);
    let ns = records.iter().find(|record| record["type"] == "NS").unwrap();
    assert_eq!(ns["answers"][0]["answer"][0], zone["dns_servers"][0]);
    let mail = api.get("/v1/zones/a.example/mail.a.example/MX").await.json();
    assert_eq!((&mail["ttl"], &mail["answers"][0]["answer"]), (&json!(600), &json!([10, "mx.a.example"])));
    assert_eq!(api.resolve("www.a.example", RecordType::A), ["c0000201", "c0000202"]);
}

#[tokio::test]
async fn nothing_is_left_of_a_file_with_an_error() {
    let api = TestApi::new().await;
    for (file, reason) in [
        (format!("{FILE}bad IN A 192.0.2.300\n"), "9"),
        (format!("{FILE}www IN CNAME mx\n"), "CNAME"),
        ("not a zone file at all".to_owned(), "zonefile"),
    ] {
        let reply = upload(&api, "a.example", &file).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{}", reply.text());
        assert!(reply.message().contains(reason), "{}", reply.text());
        assert_eq!(api.get("/v1/zones/a.example").await.message(), "zone not found");
        assert!(api.resolve("www.a.example", RecordType::A).is_empty());
    }
}

#[tokio::test]
async fn what_the_file_holds_of_the_old_server_is_left_out_with_a_warning() {
    let api = TestApi::new().await;
    let file = format!("{FILE}@ IN DNSKEY 256 3 13 dGVzdA==\nwww.elsewhere.example. IN A 192.0.2.9\n");
    let zone = upload(&api, "a.example", &file).await.json();
    let warnings = zone["warnings"].to_string();
    assert!(warnings.contains("DNSKEY"), "{warnings}");
    assert!(warnings.contains("10"), "the line of the record outside: {warnings}");
    assert_eq!(zone["records"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn an_import_refuses_what_it_cannot_make() {
    let api = TestApi::new().await;
    api.done("PUT", "/v1/zones/taken.example", json!({"zone": "taken.example"})).await;
    assert_eq!(upload(&api, "taken.example", FILE).await.message(), "zone already exists");
    assert_eq!(upload(&api, "a.example?networks=7", FILE).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(upload(&api, "a.example?networks=x", FILE).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(upload(&api, "a.example?async=maybe", FILE).await.status, StatusCode::BAD_REQUEST);
    let plain = api.call("PUT", "/v1/import/zonefile/a.example", json!({"zonefile": FILE})).await;
    assert!(plain.message().contains("multipart/form-data"), "{}", plain.text());
    let request = Request::put("/v1/import/zonefile/a.example")
        .header("x-nsone-key", KEY)
        .header("content-type", "multipart/form-data; boundary=edge");
    let form = "--edge\r\ncontent-disposition: form-data; name=\"other\"\r\n\r\nx\r\n--edge--\r\n";
    let reply = api.send(request.body(Body::from(form)).unwrap()).await;
    assert!(reply.message().contains("zonefile"), "{}", reply.text());
}

#[tokio::test]
async fn a_zone_file_past_the_limit_is_refused() {
    let api = TestApi::with_limits(Limits { import_body_bytes: 100, ..Limits::default() }).await;
    assert_eq!(upload(&api, "a.example", FILE).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

/// Asks for the job until it has ended.
async fn outcome(api: &TestApi, job: &Value) -> Value {
    let path = format!("/v1/import/zonefile/{}", job["id"].as_str().unwrap());
    loop {
        let job = api.get(&path).await.json();
        if job["percent"] == 100 {
            return job;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_import_in_the_background_reports_through_its_job() {
    let api = TestApi::new().await;
    let job = upload(&api, "a.example?async=true", FILE).await.json();
    let keys: Vec<&str> = job.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["sent", "id", "type", "percent", "status"]);
    assert_eq!(job["type"], "importzonefile");
    let ended = outcome(&api, &job).await;
    assert_eq!(
        (&ended["status"], &ended["response_code"]),
        (&json!("Created zone and 4 records"), &json!(200))
    );
    assert_eq!(ended["result"]["zone"], "a.example");
    assert_eq!(ended["result"], ended["response"]);
    assert_eq!(api.resolve("mx.a.example", RecordType::A), ["c0000203"]);
    for path in ["/v1/import/zonefile/A.example", "/v1/import/zonefile/a.example/status"] {
        assert_eq!(api.get(path).await.json(), ended, "{path}");
    }

    let job = upload(&api, "b.example?async=1", "broken").await.json();
    let ended = outcome(&api, &job).await;
    assert_eq!((&ended["status"], &ended["response_code"]), (&json!("Failed"), &json!(400)));
    assert!(ended["response"]["message"].as_str().unwrap().contains("zonefile"));
    assert_eq!(api.get("/v1/import/zonefile/unknown").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn many_small_files_are_imported_at_once() {
    let api = TestApi::new().await;
    let names: Vec<String> = (0..CONCURRENT_SMALL_IMPORTS + 8).map(|n| format!("z{n}.example")).collect();
    let uploads = names.iter().map(|name| upload(&api, name, FILE));
    for (name, reply) in names.iter().zip(futures_util::future::join_all(uploads).await) {
        assert_eq!(reply.status, StatusCode::OK, "{name}: {}", reply.text());
        assert_eq!(api.resolve(&format!("www.{name}"), RecordType::A), ["c0000201", "c0000202"]);
    }
}

#[tokio::test]
async fn a_file_that_makes_many_records_of_few_lines_is_not_small() {
    let api = TestApi::new().await;
    let file = "$TTL 300\n$generate 1-300 h$ A 192.0.2.1\n";
    let zone = upload(&api, "a.example", file).await.json();
    assert_eq!(zone["records"].as_array().unwrap().len(), 301);
    let mut headers = axum::http::HeaderMap::new();
    assert_eq!(Size::announced(&headers), Size::Large, "nobody knows");
    headers.insert("content-length", SMALL_BODY_BYTES.into());
    assert_eq!(Size::announced(&headers), Size::Small);
    assert_eq!(Size::Small.of(FILE.as_bytes()), Size::Small);
    assert_eq!(Size::Small.of(file.as_bytes()), Size::Large);
    headers.insert("content-length", (SMALL_BODY_BYTES + 1).into());
    assert_eq!(Size::announced(&headers).of(b""), Size::Large);
}

#[tokio::test]
async fn as_many_jobs_are_stored_as_are_remembered() {
    let store = std::sync::Arc::new(store::MemoryStore::new());
    let api = TestApi::over(store.clone(), ServiceOptions::default()).await;
    for number in 0..IMPORT_JOBS_KEPT {
        let job = upload(&api, &format!("z{number}.example?async=true"), "broken").await.json();
        outcome(&api, &job).await;
    }
    assert_eq!(api.service.job_ids().unwrap().len(), IMPORT_JOBS_KEPT);
    drop(api);
    let api = TestApi::over(store, ServiceOptions::default()).await;
    let before = api.service.job_ids().unwrap();
    let job = upload(&api, "one.more.example?async=true", FILE).await.json();
    outcome(&api, &job).await;
    let after = api.service.job_ids().unwrap();
    assert_eq!(after.len(), IMPORT_JOBS_KEPT);
    assert_eq!(before.iter().filter(|id| !after.contains(id)).count(), 1);
}

#[tokio::test]
async fn a_panic_over_a_file_of_any_size_is_an_error() {
    for size in [Size::Small, Size::Large] {
        let outcome = size.run(|| -> Result<(), _> { panic!("a bug") }).await;
        assert_eq!(outcome.unwrap_err().status, StatusCode::INTERNAL_SERVER_ERROR, "{size:?}");
    }
}
