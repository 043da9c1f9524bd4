//! `/v1/account/users`: names with a mail address, teams and permissions.
//!
//! Nobody logs in to this server: it is used by keys. Users are there for tools that manage them; no mail is
//! ever sent, and the `invite_token` of a reply opens nothing.

use axum::extract::{Extension, Path, State};
use serde_json::{Map, Value};

use super::{Reply, change, delete};
use crate::auth;
use crate::dto::account::{self, MemberFields, user_object};
use crate::dto::fields;
use crate::error::ApiError;
use crate::http::{JsonObject, json};
use crate::service::account::{Account, Member, UserDoc};
use crate::service::{Actor, Service, Transaction};

fn shown(service: &Service, user: &UserDoc) -> Result<Map<String, Value>, ApiError> {
    Ok(user_object(user, &service.shown_permissions(&user.member)?))
}

/// A text that a path can hold.
fn username(body: &Map<String, Value>) -> Result<String, ApiError> {
    let name = account::name(body, "username", 3..=64)?;
    let name = name.ok_or_else(|| ApiError::missing_field("username"))?;
    if name.contains(['/', '\\', '?', '#', '%']) || name.trim() != name || name.starts_with('.') {
        let expected = "a text without / \\ ? # %, that begins with neither a dot nor a blank";
        return Err(ApiError::invalid_field("username", &name.into(), expected));
    }
    Ok(name)
}

fn email(body: &Map<String, Value>) -> Result<Option<String>, ApiError> {
    let Some(email) = account::bounded(body, "email", 3)? else { return Ok(None) };
    let parts = email.split_once('@').filter(|(local, host)| !local.is_empty() && !host.is_empty());
    if parts.is_none() || email.chars().any(|letter| letter.is_whitespace() || letter.is_control()) {
        return Err(ApiError::invalid_field("email", &email.into(), "a mail address"));
    }
    Ok(Some(email))
}

/// `notify.billing`, if the body holds it.
fn notify_billing(body: &Map<String, Value>) -> Result<Option<bool>, ApiError> {
    let Some(notify) = fields::object_or_null(body, "notify")? else { return Ok(None) };
    fields::boolean_or_null(&notify, "billing").map_err(|error| error.within("notify"))
}

/// `GET /v1/account/users`.
#[utoipa::path(
    get, path = "/v1/account/users",
    responses((status = 200, description = "The users", body = ref("#/components/schemas/UserList"))),
)]
pub async fn list(State(service): State<Service>) -> Reply {
    let users = service.read(|service| {
        service.users()?.iter().map(|user| shown(service, user)).collect::<Result<Vec<_>, _>>()
    });
    Ok(json(&users.await?))
}

/// `GET /v1/account/users/:username`.
#[utoipa::path(
    get, path = "/v1/account/users/{username}",
    responses((status = 200, description = "The user", body = ref("#/components/schemas/User"))),
)]
pub async fn view(State(service): State<Service>, Path(name): Path<String>) -> Reply {
    Ok(json(&shown(&service, &service.user(&name)?)?))
}

/// `PUT /v1/account/users`.
#[utoipa::path(
    put, path = "/v1/account/users",
    request_body = ref("#/components/schemas/UserCreate"),
    responses((status = 200, description = "The new user", body = ref("#/components/schemas/User"))),
)]
pub async fn create(
    State(service): State<Service>,
    Extension(actor): Extension<Actor>,
    JsonObject(body): JsonObject,
) -> Reply {
    let username = username(&body)?;
    let email = email(&body)?.ok_or_else(|| ApiError::missing_field("email"))?;
    let mut fields = MemberFields::read(&body)?;
    let mut member = Member { teams: fields.teams.take().unwrap_or_default(), ..Member::default() };
    fields.apply(&mut member)?;
    let user = UserDoc {
        username,
        email,
        name: account::bounded(&body, "name", 0)?.unwrap_or_default(),
        notify_billing: notify_billing(&body)?.unwrap_or(false),
        created_s: service.now_s(),
        member,
    };
    let show = |user: &UserDoc| {
        let mut reply = shown(&service, user)?;
        reply.insert("invite_token".to_owned(), auth::new_secret().into());
        Ok(reply)
    };
    change(&service, &actor, move |transaction| transaction.create_user(user), show).await
}

/// `POST /v1/account/users/:username`: changes the fields given; the name in paths never changes.
#[utoipa::path(
    post, path = "/v1/account/users/{username}",
    request_body = ref("#/components/schemas/UserFields"),
    responses((status = 200, description = "The changed user", body = ref("#/components/schemas/User"))),
)]
pub async fn update(
    State(service): State<Service>,
    Extension(actor): Extension<Actor>,
    Path(username): Path<String>,
    JsonObject(body): JsonObject,
) -> Reply {
    if let Some(given) = fields::string(&body, "username")?.filter(|given| *given != username) {
        return Err(ApiError::invalid_field(
            "username",
            &given.into(),
            "the user of the path; it never changes",
        ));
    }
    let (email, name) = (email(&body)?, account::bounded(&body, "name", 0)?);
    let billing = notify_billing(&body)?;
    let mut fields = MemberFields::read(&body)?;
    let update = move |transaction: &mut Transaction<'_>| {
        let mut user = transaction.user(&username)?;
        if let Some(teams) = fields.teams.take() {
            transaction.move_to_teams(&mut user.member, teams)?;
        }
        fields.apply(&mut user.member)?;
        user.email = email.unwrap_or(user.email);
        user.name = name.unwrap_or(user.name);
        user.notify_billing = billing.unwrap_or(user.notify_billing);
        transaction.update_user(user)
    };
    change(&service, &actor, update, |user| shown(&service, user)).await
}

/// `DELETE /v1/account/users/:username`.
#[utoipa::path(
    delete, path = "/v1/account/users/{username}",
    responses((status = 200, description = "The user is gone", body = ref("#/components/schemas/Empty"))),
)]
pub async fn remove(
    State(service): State<Service>,
    Extension(actor): Extension<Actor>,
    Path(username): Path<String>,
) -> Reply {
    delete(&service, &actor, move |transaction| transaction.delete_user(&username)).await
}

/// `POST /v1/account/reinvite/:username`: there is nothing to be invited to, and no mail is sent.
#[utoipa::path(
    post, path = "/v1/account/reinvite/{username}",
    responses((status = 200, description = "The user is there; nothing was sent", body = ref("#/components/schemas/AnyObject"))),
)]
pub async fn reinvite(State(service): State<Service>, Path(username): Path<String>) -> Reply {
    service.user(&username)?;
    let mut reply = Map::new();
    reply.insert("invite_token".to_owned(), auth::new_secret().into());
    Ok(json(&reply))
}
