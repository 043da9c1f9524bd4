//! `/v1/tsig` and `/v1/tsig/{key}`.
//!
//! The server makes and takes no zone transfers yet, so nothing is signed with these keys: they are kept for the
//! tools that manage them beside zones.

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::Response;
use zones::Name;

use super::zones::with_revision;
use crate::dto::tsig::TsigFields;
use crate::error::ApiError;
use crate::http::{JsonObject, empty, json};
use crate::service::{Actor, Service};

type Reply = Result<Response<Body>, ApiError>;

/// The key of a path, with or without a final dot. A text that is no name cannot be the name of a key.
fn name_of(text: &str) -> Result<Name, ApiError> {
    Name::parse(text).map_err(|_| ApiError::not_found("TSIG key not found"))
}

/// Lists the TSIG keys by name.
#[utoipa::path(
    get, path = "/v1/tsig",
    responses((status = 200, description = "The keys", body = ref("#/components/schemas/TsigKeys"))),
)]
pub(crate) async fn list(State(service): State<Service>) -> Reply {
    Ok(json(&service.read(Service::tsig_keys).await?))
}

/// Shows a TSIG key.
#[utoipa::path(
    get, path = "/v1/tsig/{key}",
    responses((status = 200, description = "The key", body = ref("#/components/schemas/TsigKey"))),
)]
pub(crate) async fn view(State(service): State<Service>, Path(key): Path<String>) -> Reply {
    Ok(json(&service.tsig_key(&name_of(&key)?)?))
}

/// Makes a TSIG key.
#[utoipa::path(
    put, path = "/v1/tsig/{key}",
    request_body = ref("#/components/schemas/TsigFields"),
    responses((status = 200, description = "The key", body = ref("#/components/schemas/TsigKey"))),
)]
pub(crate) async fn create(
    State(service): State<Service>,
    Extension(actor): Extension<Actor>,
    Path(key): Path<String>,
    body: Result<JsonObject, ApiError>,
) -> Reply {
    let name = Name::parse(&key)
        .map_err(|error| ApiError::bad_request(format!("invalid: TSIG key {key:?}: {error}")))?;
    let fields = TsigFields::parse(&body?.0)?;
    let made = service.commit(&actor, move |transaction| transaction.create_tsig_key(&name, fields)).await?;
    Ok(with_revision(json(&made.value), made.revision))
}

/// Changes the given fields of a TSIG key.
#[utoipa::path(
    post, path = "/v1/tsig/{key}",
    request_body = ref("#/components/schemas/TsigFields"),
    responses((status = 200, description = "The key", body = ref("#/components/schemas/TsigKey"))),
)]
pub(crate) async fn update(
    State(service): State<Service>,
    Extension(actor): Extension<Actor>,
    Path(key): Path<String>,
    body: Result<JsonObject, ApiError>,
) -> Reply {
    let name = name_of(&key)?;
    service.tsig_key(&name)?;
    let fields = TsigFields::parse(&body?.0)?;
    let made = service.commit(&actor, move |transaction| transaction.update_tsig_key(&name, fields)).await?;
    Ok(with_revision(json(&made.value), made.revision))
}

/// Removes a TSIG key.
#[utoipa::path(
    delete, path = "/v1/tsig/{key}",
    responses((status = 200, description = "Removed", body = ref("#/components/schemas/Empty"))),
)]
pub(crate) async fn remove(
    State(service): State<Service>,
    Extension(actor): Extension<Actor>,
    Path(key): Path<String>,
) -> Reply {
    let name = name_of(&key)?;
    let gone = service.commit(&actor, move |transaction| transaction.delete_tsig_key(&name)).await?;
    Ok(with_revision(empty(), gone.revision))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::TestApi;

    #[tokio::test]
    async fn a_key_lives_from_put_to_delete_and_its_secret_is_in_no_log() {
        let api = TestApi::new().await;
        let body = json!({"algorithm": "hmac-sha256", "secret": "c2VjcmV0IG9jdGV0cw==", "permissions": {}});
        let key = api.done("PUT", "/v1/tsig/Transfer.Example.", body).await;
        let expected = json!({
            "name": "transfer.example", "algorithm": "hmac-sha256", "secret": "c2VjcmV0IG9jdGV0cw==",
        });
        assert_eq!(key.to_string(), expected.to_string());
        assert_eq!(api.get("/v1/tsig").await.json(), json!([key]));
        assert_eq!(api.get("/v1/tsig/transfer.example").await.json(), key);
        let revision = api.service.revision();
        let same = json!({"algorithm": null, "secret": "c2VjcmV0IG9jdGV0cw=="});
        assert_eq!(api.done("POST", "/v1/tsig/transfer.example", same).await, key);
        assert_eq!(api.service.revision(), revision);
        let changed =
            api.done("POST", "/v1/tsig/transfer.example", json!({"algorithm": "HMAC-SHA512."})).await;
        assert_eq!(changed["algorithm"], "HMAC-SHA512.");
        assert_eq!(api.done("DELETE", "/v1/tsig/transfer.example", json!({})).await, json!({}));
        let log = api.get("/v1/account/activity").await;
        assert_eq!(log.text().matches("\"resource_type\":\"tsig\"").count(), 3, "{}", log.text());
        assert!(!log.text().contains("c2VjcmV0"), "{}", log.text());
    }

    #[tokio::test]
    async fn keys_that_cannot_be_are_refused_and_never_shown() {
        let api = TestApi::new().await;
        let good = json!({"algorithm": "hmac-md5", "secret": "AAAA"});
        api.done("PUT", "/v1/tsig/k", good.clone()).await;
        let again = api.call("PUT", "/v1/tsig/k.", good.clone()).await;
        assert_eq!(
            (again.status.as_u16(), again.message().as_str()),
            (409, "conflicts with existing resource")
        );
        for (path, body, part) in [
            ("/v1/tsig/a", json!({"secret": "AAAA"}), "<obj>.algorithm"),
            ("/v1/tsig/a", json!({"algorithm": "hmac-sha256"}), "<obj>.secret"),
            ("/v1/tsig/a", json!({"algorithm": "sha256", "secret": "AAAA"}), "hmac-sha512"),
            ("/v1/tsig/a", json!({"algorithm": "hmac-md5", "secret": "no base"}), "base64"),
            ("/v1/tsig/a", json!({"algorithm": "hmac-md5", "secret": ""}), "base64"),
            ("/v1/tsig/a", json!({"algorithm": "hmac-md5", "secret": "A".repeat(2000)}), "base64"),
            ("/v1/tsig/a..b", good, "invalid: TSIG key"),
        ] {
            let reply = api.call("PUT", path, body).await;
            assert_eq!(reply.status, 400, "{path}: {}", reply.text());
            assert!(reply.message().contains(part) && !reply.text().contains("no base"), "{}", reply.text());
        }
        for method in ["GET", "POST", "DELETE"] {
            let reply = api.call(method, "/v1/tsig/absent", json!({"secret": 1})).await;
            assert_eq!((reply.status.as_u16(), reply.message().as_str()), (404, "TSIG key not found"));
        }
    }
}
