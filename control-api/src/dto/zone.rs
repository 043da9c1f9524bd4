//! Zones as clients write and read them.

use filters::MetaTable;
use serde_json::{Map, Value, json};
use zones::limits::MAX_TTL;
use zones::{Name, RecordDoc, ZoneDoc};

use super::fields;
use super::record::{networks, tier};
use crate::error::ApiError;

/// The name of the pool that every zone is said to be in.
const POOL: &str = "p01";

/// Why a zone is always called by its domain name: other names tell zones of one domain name in several views apart.
pub(crate) const NO_OTHER_NAMES: &str =
    "other names for a zone come with DNS views, which are not supported yet";

/// Fields that belong to a zone but not to DNS; they are kept as sent.
const KEPT: [&str; 2] = ["tags", "views"];

/// What a client may set on a zone. Absent fields keep their value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ZoneFields {
    /// TTL of the SOA record, in seconds.
    pub ttl: Option<u32>,
    /// TTL of denials, in seconds.
    pub nx_ttl: Option<u32>,
    /// SOA REFRESH, in seconds.
    pub refresh: Option<u32>,
    /// SOA RETRY, in seconds.
    pub retry: Option<u32>,
    /// SOA EXPIRE, in seconds.
    pub expiry: Option<u32>,
    /// SOA RNAME, as a mail address or a name.
    pub hostmaster: Option<String>,
    /// SOA MNAME.
    pub primary_master: Option<String>,
    /// Networks in which the zone is served.
    pub networks: Option<Vec<i64>>,
    /// Zone metadata.
    pub meta: Option<Map<String, Value>>,
    /// Replication to other servers.
    pub primary: Option<Value>,
    /// Replication from another server.
    pub secondary: Option<Value>,
    /// The target of a linked zone.
    pub link: Option<Name>,
    /// Whether the zone is signed.
    pub dnssec: Option<bool>,
    /// What is kept as sent; null removes.
    pub extra: Map<String, Value>,
}

impl ZoneFields {
    /// Reads the body of a create: `zone` must be there and name the zone of the path.
    ///
    /// # Errors
    /// 400 that names the field.
    pub fn from_create(body: &Map<String, Value>, path: &Name) -> Result<Self, ApiError> {
        fields::required_string(body, "zone")?;
        Self::from_update(body, path)
    }

    /// Reads the body of an update.
    ///
    /// # Errors
    /// 400 that names the field.
    pub fn from_update(body: &Map<String, Value>, path: &Name) -> Result<Self, ApiError> {
        if let Some(zone) = fields::string_or_null(body, "zone")?
            && !Name::parse(zone).is_ok_and(|zone| zone == *path)
        {
            let expected = format!("the zone of the path, {path}; {NO_OTHER_NAMES}");
            return Err(ApiError::invalid_field("zone", &Value::from(zone), &expected));
        }
        if let Some(name) = fields::string_or_null(body, "name")?.filter(|name| !name.is_empty())
            && !Name::parse(name).is_ok_and(|name| name == *path)
        {
            let expected = format!("the zone, {path}; {NO_OTHER_NAMES}");
            return Err(ApiError::invalid_field("name", &Value::from(name), &expected));
        }
        let seconds = |field| fields::integer(body, field, MAX_TTL);
        let mut extra = Map::new();
        for key in KEPT {
            if let Some(value) = body.get(key) {
                if key == "views" {
                    no_views(value)?;
                } else {
                    fields::check_kept(key, value)?;
                }
                extra.insert(key.to_owned(), value.clone());
            }
        }
        Ok(Self {
            ttl: seconds("ttl")?,
            nx_ttl: seconds("nx_ttl")?,
            refresh: seconds("refresh")?,
            retry: seconds("retry")?,
            expiry: seconds("expiry")?,
            hostmaster: non_empty(body, "hostmaster")?,
            primary_master: non_empty(body, "primary_master")?,
            networks: networks(body)?,
            meta: zone_meta(body)?,
            primary: primary(body)?,
            secondary: secondary(body)?,
            link: link(body)?,
            dnssec: fields::boolean_or_null(body, "dnssec")?,
            extra,
        })
    }

    /// The first field that is a setting of its own, which a linked zone cannot have.
    pub(crate) fn first_setting(&self) -> Option<&'static str> {
        let given = [
            ("ttl", self.ttl.is_some()),
            ("nx_ttl", self.nx_ttl.is_some()),
            ("refresh", self.refresh.is_some()),
            ("retry", self.retry.is_some()),
            ("expiry", self.expiry.is_some()),
            ("hostmaster", self.hostmaster.is_some()),
            ("primary_master", self.primary_master.is_some()),
            ("networks", self.networks.is_some()),
            ("meta", self.meta.as_ref().is_some_and(|meta| !meta.is_empty())),
            ("primary", self.primary.as_ref().is_some_and(|primary| *primary != no_replication())),
            ("secondary", self.secondary.is_some()),
            ("dnssec", self.dnssec == Some(true)),
        ];
        given.iter().find(|(_, given)| *given).map(|(field, _)| *field)
    }

    /// Puts the given fields into a zone; the link is another matter.
    pub(crate) fn apply_to(self, zone: &mut ZoneDoc) {
        zone.ttl = self.ttl.unwrap_or(zone.ttl);
        zone.nx_ttl = self.nx_ttl.unwrap_or(zone.nx_ttl);
        zone.refresh = self.refresh.unwrap_or(zone.refresh);
        zone.retry = self.retry.unwrap_or(zone.retry);
        zone.expiry = self.expiry.unwrap_or(zone.expiry);
        zone.dnssec = self.dnssec.unwrap_or(zone.dnssec);
        zone.secondary = self.secondary;
        if let Some(hostmaster) = self.hostmaster {
            zone.hostmaster = hostmaster;
        }
        if let Some(primary_master) = self.primary_master {
            zone.primary_master = primary_master;
        }
        if let Some(networks) = self.networks {
            zone.networks = networks;
        }
        if let Some(meta) = self.meta {
            zone.meta = meta;
        }
        if let Some(primary) = self.primary {
            zone.primary = Some(primary).filter(|primary| *primary != no_replication());
        }
        for (key, value) in self.extra {
            if value.is_null() {
                zone.extra.shift_remove(&key);
            } else {
                zone.extra.insert(key, value);
            }
        }
    }
}

/// A zone as clients read it, without its records.
pub fn zone_object(zone: &ZoneDoc) -> Map<String, Value> {
    let pools = if zone.networks.is_empty() { json!([]) } else { json!([POOL]) };
    let mut object = Map::new();
    let mut set = |key: &str, value: Value| object.insert(key.to_owned(), value);
    set("id", json!(zone.id));
    set("zone", json!(zone.zone));
    set("ttl", json!(zone.ttl));
    set("nx_ttl", json!(zone.nx_ttl));
    set("retry", json!(zone.retry));
    set("refresh", json!(zone.refresh));
    set("expiry", json!(zone.expiry));
    set("hostmaster", json!(zone.hostmaster));
    set("primary_master", json!(zone.primary_master));
    set("serial", json!(zone.serial));
    set("dns_servers", json!(zone.dns_servers));
    set("networks", json!(zone.networks));
    set("network_pools", pools);
    set("pool", json!(POOL));
    set("primary", zone.primary.clone().unwrap_or_else(no_replication));
    set("meta", Value::Object(zone.meta.clone()));
    set("link", json!(zone.link));
    set("dnssec", json!(zone.dnssec));
    for (key, value) in &zone.extra {
        set(key, value.clone());
    }
    object
}

/// A record in the listing of its zone. Clients match the order of the keys on raw text.
pub fn record_summary(record: &RecordDoc) -> Map<String, Value> {
    let short_answers = record.answers.iter().map(|answer| short(&answer.answer)).collect();
    let mut object = Map::new();
    let mut set = |key: &str, value: Value| object.insert(key.to_owned(), value);
    set("domain", json!(record.domain));
    set("short_answers", Value::Array(short_answers));
    set("ttl", json!(record.ttl));
    set("tier", json!(tier(record)));
    set("type", json!(record.rtype));
    set("id", json!(record.id));
    if let Some(link) = &record.link {
        set("link", json!(link));
    }
    object
}

/// The fields of an answer in one string, joined by one blank, nothing quoted.
fn short(answer: &[Value]) -> Value {
    let mut text = String::new();
    for (index, field) in answer.iter().enumerate() {
        if index > 0 {
            text.push(' ');
        }
        match field {
            Value::String(field) => text.push_str(field),
            other => text.push_str(&other.to_string()),
        }
    }
    Value::String(text)
}

fn no_replication() -> Value {
    json!({"enabled": false, "secondaries": []})
}

fn non_empty(body: &Map<String, Value>, field: &str) -> Result<Option<String>, ApiError> {
    match fields::string_or_null(body, field)? {
        Some("") => Err(ApiError::invalid_field(field, &Value::from(""), "a non-empty string")),
        given => Ok(given.map(str::to_owned)),
    }
}

/// The target of a linked zone or record; null and the empty string mean none.
pub(crate) fn link(body: &Map<String, Value>) -> Result<Option<Name>, ApiError> {
    match fields::string_or_null(body, "link")? {
        None | Some("") => Ok(None),
        Some(text) => Name::parse(text).map(Some).map_err(|error| {
            ApiError::invalid_field("link", &Value::from(text), &format!("a domain name: {error}"))
        }),
    }
}

/// A zone that is meant for some clients only must not be served to all.
fn no_views(value: &Value) -> Result<(), ApiError> {
    let is_empty = match value {
        Value::Null => true,
        Value::String(view) => view.is_empty(),
        Value::Array(views) => views.is_empty(),
        _ => false,
    };
    if is_empty {
        return Ok(());
    }
    Err(ApiError::invalid_field("views", value, "empty: DNS views are not supported yet"))
}

/// Replication to other servers: `enabled`, and `secondaries` with an address each.
fn primary(body: &Map<String, Value>) -> Result<Option<Value>, ApiError> {
    let Some(primary) = fields::object_or_null(body, "primary")? else { return Ok(None) };
    let enabled = fields::boolean(&primary, "enabled").map_err(|e| e.within("primary"))?;
    let given = fields::array_or_null(&primary, "secondaries").map_err(|e| e.within("primary"))?;
    let mut secondaries = Vec::new();
    for (index, secondary) in given.unwrap_or_default().into_iter().enumerate() {
        let place = format!("primary.secondaries[{index}]");
        let Value::Object(secondary) = secondary else {
            return Err(ApiError::invalid_field(&place, &secondary, "of type object"));
        };
        let address = secondary.get("ip").cloned().unwrap_or_default();
        if address.as_str().and_then(|ip| ip.parse::<std::net::IpAddr>().ok()).is_none() {
            let field = format!("{place}.ip");
            return Err(ApiError::invalid_field(&field, &address, "an IP address"));
        }
        let within = |error: ApiError| error.within(&place);
        let port = fields::integer(&secondary, "port", u32::from(u16::MAX)).map_err(within)?;
        let notify = fields::boolean(&secondary, "notify").map_err(within)?;
        let networks = networks(&secondary).map_err(within)?;
        secondaries.push(json!({
            "ip": address,
            "port": port.unwrap_or(53),
            "notify": notify.unwrap_or(false),
            "networks": networks.unwrap_or_default(),
        }));
    }
    Ok(Some(json!({"enabled": enabled.unwrap_or(false), "secondaries": secondaries})))
}

/// No filter reads the metadata of a zone, but it must be metadata.
fn zone_meta(body: &Map<String, Value>) -> Result<Option<Map<String, Value>>, ApiError> {
    let meta = fields::object_or_null(body, "meta")?;
    if let Some(meta) = &meta {
        MetaTable::parse(meta)
            .map_err(|error| ApiError::bad_request(format!("Input validation failed (meta: {error})")))?;
    }
    Ok(meta)
}

fn secondary(body: &Map<String, Value>) -> Result<Option<Value>, ApiError> {
    Ok(fields::object_or_null(body, "secondary")?.map(Value::Object))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: Value) -> Result<ZoneFields, ApiError> {
        let path = Name::parse("example.com").unwrap();
        ZoneFields::from_create(body.as_object().unwrap(), &path)
    }

    #[test]
    fn the_zone_in_the_body_must_be_the_one_of_the_path() {
        assert_eq!(parse(json!({"zone": "EXAMPLE.com"})), Ok(ZoneFields::default()));
        assert!(parse(json!({})).unwrap_err().message.contains("<obj>.zone"));
        assert!(parse(json!({"zone": "example.org"})).unwrap_err().message.contains("<obj>.zone"));
        assert!(parse(json!({"zone": 5})).unwrap_err().message.contains("of type string"));
    }

    #[test]
    fn every_wrong_field_is_named() {
        for (field, value) in [
            ("ttl", json!("soon")),
            ("nx_ttl", json!(-1)),
            ("refresh", json!(4_294_967_296_u64)),
            ("retry", json!([])),
            ("expiry", json!({})),
            ("hostmaster", json!("")),
            ("primary_master", json!(1)),
            ("networks", json!(["x"])),
            ("networks", json!(null)),
            ("meta", json!([])),
            ("primary", json!(true)),
            ("primary.secondaries", json!({"secondaries": 1})),
            ("primary.secondaries[0].ip", json!({"enabled": true, "secondaries": [{"ip": "x"}]})),
            ("secondary", json!("x")),
            ("link", json!("a..b")),
            ("dnssec", json!("maybe")),
            ("tags", json!([])),
        ] {
            let mut body = json!({"zone": "example.com"});
            body[field.split('.').next().unwrap()] = value;
            let error = parse(body).unwrap_err();
            assert_eq!(error.status, 400);
            assert!(error.message.contains(&format!("<obj>.{field}")), "{}", error.message);
        }
    }

    #[test]
    fn short_answers_join_the_fields_without_quotes() {
        assert_eq!(short(&[json!(10), json!("mx1.example")]), json!("10 mx1.example"));
        assert_eq!(short(&[json!("a"), json!(""), json!("b c")]), json!("a  b c"));
    }
}
