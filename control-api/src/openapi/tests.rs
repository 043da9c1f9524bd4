use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::*;
use crate::testing::TestApi;

fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(object) => {
            found.extend(object.get("$ref").and_then(Value::as_str));
            object.values().for_each(|value| references(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn the_document_is_the_one_in_the_repository() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let text = format!("{}\n", serde_json::to_string_pretty(&*DOCUMENT).unwrap());
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        golden == text,
        "docs/openapi.json is not what the handlers say; look at the difference after \
         UPDATE_OPENAPI=1 cargo test -p control-api openapi"
    );
}

#[tokio::test]
async fn it_is_served_without_a_key() {
    let api = TestApi::new().await;
    let request = axum::http::Request::get("/openapi.json").body(Body::empty()).unwrap();
    let reply = api.send(request).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json(), *DOCUMENT);
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_used() {
    let mut found = BTreeSet::new();
    references(&DOCUMENT, &mut found);
    for reference in &found {
        let pointer = reference.trim_start_matches('#');
        assert!(DOCUMENT.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    // Two are made by code.
    let count = 2 + SCHEMAS.iter().map(|text| parsed(text).len()).sum::<usize>();
    let schemas = DOCUMENT["components"]["schemas"].as_object().unwrap();
    assert_eq!(schemas.len(), count, "a schema is there twice");
    for name in schemas.keys() {
        assert!(found.contains(&*format!("#/components/schemas/{name}")), "{name} is not used");
    }
}

#[test]
fn every_placeholder_is_described_and_every_operation_has_a_summary() {
    let known = parsed(PATH_PARAMETERS);
    for (method, path) in operations() {
        for name in placeholders(&path) {
            assert!(known.contains_key(name), "{path}: path_parameters.json lacks {name}");
        }
        let operation = &DOCUMENT["paths"][&path][method.to_lowercase()];
        assert!(operation["summary"].as_str().is_some_and(|summary| summary.len() > 5), "{method} {path}");
        assert!(operation["responses"]["200"].is_object(), "{method} {path}");
    }
}

#[tokio::test]
async fn every_operation_is_served() {
    let api = TestApi::new().await;
    for (method, path) in operations() {
        let spelled: Vec<&str> =
            path.split('/').map(|part| if part.starts_with('{') { "1" } else { part }).collect();
        let reply = api.call(&method, &spelled.join("/"), json!({})).await;
        let status = reply.status.as_u16();
        let unserved = status == 404 && reply.message().contains("/v1");
        assert!(!unserved && ![405, 501].contains(&status), "{method} {path}: {}", reply.text());
    }
}

/// Method and path of every route of the reference, and of those that clients call beyond it.
const REFERENCE: &str = include_str!("reference_routes.txt");

/// The end of what is written by hand in docs/api.md.
const WRITTEN_BY_TEST: &str = "UPDATE_OPENAPI=1 cargo test -p control-api openapi -->\n";

/// A path whose placeholders have no names.
fn shape(path: &str) -> String {
    let part = |part: &str| if part.starts_with('{') { "{}".to_owned() } else { part.to_owned() };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// The table of all routes: those of the reference, then our own.
fn route_tables() -> String {
    let served: BTreeSet<(String, String)> =
        operations().into_iter().map(|(method, path)| (method, shape(&path))).collect();
    let mut known = BTreeSet::new();
    let mut counts = [0; 3];
    let mut rows = String::new();
    for line in REFERENCE.lines() {
        let (method, path) = line.split_once(' ').unwrap();
        let route = (method.to_owned(), shape(path));
        let (place, answer) = if served.contains(&route) {
            (0, "served".to_owned())
        } else {
            let error = crate::unserved::answer(path);
            let subject = error.message.split_once(" (").and_then(|(_, rest)| rest.split_once(')'));
            match (error.status.as_u16(), subject) {
                (501, Some((subject, _))) => (1, format!("later: 501, {subject}")),
                _ => (2, "refused with a message".to_owned()),
            }
        };
        counts[place] += 1;
        rows += &format!("| {method} | `{path}` | {answer} |\n");
        assert!(known.insert(route), "{line} is there twice");
    }
    let [served_count, later, refused] = counts;
    let own: String = operations()
        .iter()
        .filter(|(method, path)| !known.contains(&(method.clone(), shape(path))))
        .map(|(method, path)| {
            let summary = DOCUMENT["paths"][path][method.to_lowercase()]["summary"].as_str().unwrap();
            format!("| {method} | `{path}` | {summary} |\n")
        })
        .collect();
    format!(
        "\n## Routes of the compatible API\n\n{served_count} served, {later} later, {refused} refused.\n\n\
         | method | path | answer |\n| --- | --- | --- |\n{rows}\n\
         ## Routes of our own\n\n| method | path | what it does |\n| --- | --- | --- |\n{own}"
    )
}

#[test]
fn the_table_of_routes_is_the_one_in_the_repository() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/api.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let end = text.find(WRITTEN_BY_TEST).unwrap() + WRITTEN_BY_TEST.len();
    let wanted = format!("{}{}", &text[..end], route_tables());
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    assert!(
        std::fs::read_to_string(&path).unwrap() == wanted,
        "docs/api.md lists other routes; UPDATE_OPENAPI=1 cargo test -p control-api openapi writes it"
    );
}
