//! Keys, users, teams and address lists as clients send and read them.

use filters::IpPrefix;
use serde_json::{Map, Value, json};

use super::fields;
use crate::auth::Permissions;
use crate::error::ApiError;
use crate::ids;
use crate::limits::{NAME_BYTES, TEAMS, WHITELIST_VALUES, WHITELISTS};
use crate::service::account::{KeyDoc, Member, NamedAddresses, SecretDoc, TeamDoc, UserDoc};
use crate::time;

/// What a body says about a member; what it leaves out stays.
#[derive(Debug, Default)]
pub struct MemberFields {
    /// The ids of its teams.
    pub teams: Option<Vec<String>>,
    permissions: Option<Map<String, Value>>,
    ip_whitelist: Option<Vec<String>>,
    ip_whitelist_strict: Option<bool>,
}

impl MemberFields {
    /// Reads `teams`, `permissions`, `ip_whitelist` and `ip_whitelist_strict`, which some call
    /// `ip_whitelist_restrict`.
    pub fn read(body: &Map<String, Value>) -> Result<Self, ApiError> {
        let strict = match fields::boolean_or_null(body, "ip_whitelist_strict")? {
            None => fields::boolean_or_null(body, "ip_whitelist_restrict")?,
            strict => strict,
        };
        Ok(Self {
            teams: texts(body, "teams", TEAMS)?,
            permissions: fields::object_or_null(body, "permissions")?,
            ip_whitelist: addresses(body, "ip_whitelist")?,
            ip_whitelist_strict: strict,
        })
    }

    /// Puts what was said into a member. Permissions of one that is in teams are those of the teams.
    pub fn apply(self, member: &mut Member) -> Result<(), ApiError> {
        if let Some(given) = self.permissions.filter(|_| member.teams.is_empty()) {
            member.permissions = member.permissions.merged(&given)?;
        }
        member.ip_whitelist = self.ip_whitelist.unwrap_or_else(|| std::mem::take(&mut member.ip_whitelist));
        member.ip_whitelist_strict = self.ip_whitelist_strict.unwrap_or(member.ip_whitelist_strict);
        Ok(())
    }
}

/// A list of texts; null is an empty one.
fn texts(body: &Map<String, Value>, field: &str, limit: usize) -> Result<Option<Vec<String>>, ApiError> {
    if body.get(field).is_some_and(Value::is_null) {
        return Ok(Some(Vec::new()));
    }
    let Some(list) = fields::array(body, field)? else { return Ok(None) };
    if list.len() > limit {
        return Err(ApiError::bad_request(format!(
            "Input validation failed ('<obj>.{field}' has more than {limit} entries)"
        )));
    }
    let text = |(index, entry): (usize, &Value)| match entry {
        Value::String(text) => Ok(text.clone()),
        other => Err(ApiError::invalid_field(&format!("{field}[{index}]"), other, "of type string")),
    };
    list.iter().enumerate().map(text).collect::<Result<_, _>>().map(Some)
}

/// A list of addresses and prefixes; null is an empty one.
pub fn addresses(body: &Map<String, Value>, field: &str) -> Result<Option<Vec<String>>, ApiError> {
    let Some(list) = texts(body, field, WHITELIST_VALUES)? else { return Ok(None) };
    for (index, value) in list.iter().enumerate() {
        if IpPrefix::parse(value).is_none() {
            let expected = "an address or a prefix such as 192.0.2.0/24";
            return Err(ApiError::invalid_field(
                &format!("{field}[{index}]"),
                &value.as_str().into(),
                expected,
            ));
        }
    }
    Ok(Some(list))
}

/// The address lists of a team. One without an id gets one.
pub fn named_addresses(body: &Map<String, Value>) -> Result<Option<Vec<NamedAddresses>>, ApiError> {
    let field = "ip_whitelist";
    if body.get(field).is_some_and(Value::is_null) {
        return Ok(Some(Vec::new()));
    }
    let Some(lists) = fields::array(body, field)? else { return Ok(None) };
    if lists.len() > WHITELISTS {
        return Err(ApiError::bad_request(format!(
            "Input validation failed ('<obj>.{field}' has more than {WHITELISTS} entries)"
        )));
    }
    let read = |(index, list): (usize, &Value)| {
        let place = format!("{field}[{index}]");
        let Value::Object(list) = list else {
            return Err(ApiError::invalid_field(&place, list, "of type object"));
        };
        let read = || {
            let id = fields::string_or_null(list, "id")?.filter(|id| !id.is_empty());
            let name = bounded(list, "name", 0)?.unwrap_or_default();
            let values = addresses(list, "values")?.ok_or_else(|| ApiError::missing_field("values"))?;
            Ok(NamedAddresses { id: id.map_or_else(ids::new_uuid, str::to_owned), name, values })
        };
        read().map_err(|error: ApiError| error.within(&place))
    };
    lists.iter().enumerate().map(read).collect::<Result<_, _>>().map(Some)
}

/// A text of bounded length, if the body holds it.
pub fn bounded(body: &Map<String, Value>, field: &str, at_least: usize) -> Result<Option<String>, ApiError> {
    let Some(text) = fields::string(body, field)? else { return Ok(None) };
    if (at_least..=NAME_BYTES).contains(&text.len()) {
        return Ok(Some(text.to_owned()));
    }
    let expected = format!("a text of {at_least} to {NAME_BYTES} bytes");
    Err(ApiError::invalid_field(field, &text.into(), &expected))
}

/// A name of so many characters, if the body holds it.
pub fn name(
    body: &Map<String, Value>,
    field: &str,
    characters: std::ops::RangeInclusive<usize>,
) -> Result<Option<String>, ApiError> {
    let Some(text) = fields::string(body, field)? else { return Ok(None) };
    if characters.contains(&text.chars().count()) && !text.chars().any(char::is_control) {
        return Ok(Some(text.to_owned()));
    }
    let (least, most) = (characters.start(), characters.end());
    let expected = format!("a text of {least} to {most} characters without control characters");
    Err(ApiError::invalid_field(field, &text.into(), &expected))
}

/// A member's own fields, in the order clients read them.
fn put_member(object: &mut Map<String, Value>, member: &Member, permissions: &Permissions) {
    object.insert("teams".to_owned(), json!(member.teams));
    object.insert("permissions".to_owned(), permissions.shown().into());
    object.insert("ip_whitelist".to_owned(), json!(member.ip_whitelist));
    object.insert("ip_whitelist_strict".to_owned(), member.ip_whitelist_strict.into());
}

/// A key as clients read it. `new` is a secret that was made just now: its id and what to send.
pub fn key_object(
    key: &KeyDoc,
    permissions: &Permissions,
    new: Option<(&str, &str)>,
    last_access_s: impl Fn(&SecretDoc) -> Option<u64>,
) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("id".to_owned(), key.id.as_str().into());
    if let Some((_, secret)) = new {
        object.insert("key".to_owned(), secret.into());
    }
    object.insert("name".to_owned(), key.name.as_str().into());
    object.insert("last_access".to_owned(), key.secrets.iter().filter_map(&last_access_s).max().into());
    put_member(&mut object, &key.member, permissions);
    if let Some(days) = key.expiry_days {
        object.insert("expiry_duration".to_owned(), format!("{days}d").into());
    }
    let secrets = key.secrets.iter().map(|stored| {
        let new = new.filter(|(id, _)| *id == stored.id).map(|(_, secret)| secret);
        secret_object(stored, new, last_access_s(stored))
    });
    object.insert("secrets".to_owned(), secrets.collect());
    object
}

/// A secret as clients read it; the secret itself only when it was made just now.
pub fn secret_object(stored: &SecretDoc, new: Option<&str>, last_access_s: Option<u64>) -> Value {
    let mut object = Map::new();
    object.insert("secret_id".to_owned(), stored.id.as_str().into());
    if let Some(secret) = new {
        object.insert("secret".to_owned(), secret.into());
    }
    object.insert("enabled".to_owned(), stored.enabled.into());
    for (field, at_s) in [("expires_at", stored.expires_at_s), ("last_access", last_access_s)] {
        if let Some(at_s) = at_s {
            object.insert(field.to_owned(), time::rfc3339(at_s).into());
        }
    }
    Value::Object(object)
}

/// A user as clients read it.
pub fn user_object(user: &UserDoc, permissions: &Permissions) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("username".to_owned(), user.username.as_str().into());
    object.insert("name".to_owned(), user.name.as_str().into());
    object.insert("email".to_owned(), user.email.as_str().into());
    object.insert("notify".to_owned(), json!({ "billing": user.notify_billing }));
    put_member(&mut object, &user.member, permissions);
    object.insert("last_access".to_owned(), Value::Null);
    object.insert("created".to_owned(), user.created_s.into());
    object.insert("2fa_enabled".to_owned(), false.into());
    let provider = json!({
        "use_metadata_url": null, "metadata_url": null, "metadata_file": null, "provider": null,
    });
    object.insert("shared_auth".to_owned(), json!({ "saml": { "sso": false, "idp": provider } }));
    object
}

/// A team as clients read it.
pub fn team_object(team: &TeamDoc) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("id".to_owned(), team.id.as_str().into());
    object.insert("name".to_owned(), team.name.as_str().into());
    object.insert("permissions".to_owned(), team.permissions.shown().into());
    object.insert("ip_whitelist".to_owned(), json!(team.ip_whitelist));
    object
}
