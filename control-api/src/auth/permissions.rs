//! The `permissions` object of keys, users and teams.
//!
//! It is kept as it was sent, with names in their plain spelling; a flag that it lacks is true. Groups and
//! flags that guard nothing here are kept too, so that what a client reads back is what it sent.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use zones::{Name, RecordType};

use super::rights::Right;
use crate::dto::fields;
use crate::error::ApiError;

/// Names or rules in one list of a permissions object.
const LIST_ENTRIES: usize = 10_000;

/// Groups and flags in one permissions object: several times as many as there are.
const MEMBERS: usize = 64;

/// Flags beside the [rights](Right) that every permissions object shows: clients read a missing flag as false.
const OTHER_FLAGS: [(&str, &str); 8] = [
    ("monitoring", "manage_lists"),
    ("monitoring", "create_jobs"),
    ("monitoring", "update_jobs"),
    ("monitoring", "delete_jobs"),
    ("security", "manage_global_2fa"),
    ("redirects", "manage_redirects"),
    ("insights", "view_insights"),
    ("insights", "manage_insights"),
];

/// The lists of group `dns`.
const DNS_LISTS: [&str; 4] = ["zones_allow", "zones_deny", "records_allow", "records_deny"];

/// The flag that says whether zones that no list names are allowed.
const BY_DEFAULT: &str = "zones_allow_by_default";

/// A permissions object. The empty one allows everything.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Permissions(Map<String, Value>);

/// A rule about records of a zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordRule {
    /// The zone.
    pub zone: String,
    /// The record's name; `None` is any.
    pub domain: Option<String>,
    /// Whether names below `domain` are meant as well.
    pub include_subdomains: bool,
    /// The type in capitals; `None` is any.
    #[serde(rename = "type")]
    pub rtype: Option<String>,
}

/// A name as the rules compare it: parsed and written again, or in lower case where it is none.
pub fn plain_name(text: &str) -> String {
    Name::parse(text).map_or_else(|_| text.to_ascii_lowercase(), |name| name.to_string())
}

/// A type as the rules compare it: `TYPE1` is `A`. `DNSSEC` is none, but stands for the keys of a signed zone.
pub fn plain_type(text: &str) -> Option<String> {
    let parsed = RecordType::parse(text).map(|rtype| rtype.to_string());
    parsed.or_else(|| text.eq_ignore_ascii_case("DNSSEC").then(|| "DNSSEC".to_owned()))
}

impl Permissions {
    /// Reads a permissions object over the present one: what it leaves out stays.
    ///
    /// # Errors
    /// 400 naming the member and what it must be.
    pub fn merged(&self, given: &Map<String, Value>) -> Result<Self, ApiError> {
        let mut merged = self.0.clone();
        for (group, members) in given {
            let place = format!("permissions.{}", cut(group));
            let Value::Object(members) = members else {
                match members {
                    // A client that knows a group may say that it leaves it alone.
                    Value::Null => continue,
                    other => return Err(ApiError::invalid_field(&place, other, "of type object")),
                }
            };
            let entry = merged.entry(group.clone()).or_insert_with(|| Map::new().into());
            let Value::Object(entry) = entry else { return Err(ApiError::internal("a group is no object")) };
            for (flag, value) in members {
                if let Some(value) = member(group, members, flag).map_err(|error| error.within(&place))? {
                    entry.insert(flag.clone(), value);
                } else if value.is_null() {
                    entry.remove(flag);
                }
            }
            if entry.len() > MEMBERS {
                return Err(too_many(&place, MEMBERS));
            }
        }
        if merged.len() > MEMBERS {
            return Err(too_many("permissions", MEMBERS));
        }
        Ok(Self(merged))
    }

    /// Whether a flag is set; a missing one is.
    fn flag(&self, group: &str, flag: &str) -> bool {
        let member = self.0.get(group).and_then(|members| members.get(flag));
        member.and_then(Value::as_bool).unwrap_or(true)
    }

    /// Whether a right is held.
    pub fn holds(&self, right: Right) -> bool {
        self.flag(right.group(), right.flag())
    }

    /// Whether zones that no list names are allowed.
    pub fn allows_zones_by_default(&self) -> bool {
        self.flag("dns", BY_DEFAULT)
    }

    fn list(&self, list: &str) -> impl Iterator<Item = &Value> {
        let list = self.0.get("dns").and_then(|dns| dns.get(list)).and_then(Value::as_array);
        list.into_iter().flatten()
    }

    /// The zone names of `zones_allow` or `zones_deny`.
    pub fn zones(&self, list: &str) -> impl Iterator<Item = &str> {
        self.list(list).filter_map(Value::as_str)
    }

    /// The rules of `records_allow` or `records_deny`.
    pub fn records(&self, list: &str) -> impl Iterator<Item = RecordRule> {
        self.list(list).filter_map(rule_of)
    }

    /// The object as clients read it: every flag of the groups in common use, and what else was sent.
    pub fn shown(&self) -> Map<String, Value> {
        let mut shown = Map::new();
        let names = Right::ALL.iter().map(|right| (right.group(), right.flag())).chain(OTHER_FLAGS);
        for (group, flag) in names {
            set(&mut shown, group, flag, self.flag(group, flag).into());
        }
        set(&mut shown, "dns", BY_DEFAULT, self.allows_zones_by_default().into());
        for list in DNS_LISTS {
            set(&mut shown, "dns", list, self.list(list).cloned().collect());
        }
        for (group, members) in &self.0 {
            for (flag, value) in members.as_object().into_iter().flatten() {
                set(&mut shown, group, flag, value.clone());
            }
        }
        shown
    }

    /// What the members of several teams may do: whatever any of the teams allows.
    ///
    /// A deny rule stays when no other team allows what it denies, as far as that can be said in one object; what
    /// is decided on is always each team by itself.
    pub fn union(teams: &[&Permissions]) -> Permissions {
        let [first, others @ ..] = teams else { return Permissions::default() };
        let mut union = Permissions(first.shown());
        for other in others {
            let (one, other) = (union, other.shown());
            let mut merged = one.0.clone();
            for (group, members) in &other {
                for (flag, value) in members.as_object().into_iter().flatten() {
                    let present = one.0.get(group).and_then(|members| members.get(flag));
                    let value = match (present, value) {
                        (Some(Value::Bool(one)), Value::Bool(other)) => (*one || *other).into(),
                        (Some(Value::Array(one)), Value::Array(other)) if flag.ends_with("_deny") => {
                            one.iter().filter(|entry| other.contains(entry)).cloned().collect()
                        }
                        (Some(Value::Array(one)), Value::Array(other)) => {
                            let new = other.iter().filter(|entry| !one.contains(entry));
                            one.iter().chain(new).cloned().collect()
                        }
                        _ => value.clone(),
                    };
                    set(&mut merged, group, flag, value);
                }
            }
            union = Permissions(merged);
        }
        union
    }
}

fn set(object: &mut Map<String, Value>, group: &str, flag: &str, value: Value) {
    let entry = object.entry(group.to_owned()).or_insert_with(|| Map::new().into());
    if let Value::Object(entry) = entry {
        entry.insert(flag.to_owned(), value);
    }
}

/// One member of a group in its plain form. `None` for null, which takes a member away.
fn member(group: &str, members: &Map<String, Value>, name: &str) -> Result<Option<Value>, ApiError> {
    let is_tags = matches!(group, "dhcp" | "ipam") && matches!(name, "tags_allow" | "tags_deny");
    if group == "dns" && DNS_LISTS.contains(&name) || is_tags {
        let Some(list) = fields::array_or_null(members, name)? else { return Ok(None) };
        if list.len() > LIST_ENTRIES {
            return Err(too_many(name, LIST_ENTRIES));
        }
        let entry = |(index, entry): (usize, &Value)| {
            let place = format!("{name}[{index}]");
            match name {
                "zones_allow" | "zones_deny" => match entry.as_str() {
                    Some(zone) => rule_name(&place, zone).map(Value::from),
                    None => Err(ApiError::invalid_field(&place, entry, "the name of a zone")),
                },
                _ if is_tags => tag(entry, &place),
                _ => record_rule(entry, &place),
            }
        };
        return list
            .iter()
            .enumerate()
            .map(entry)
            .collect::<Result<Vec<_>, _>>()
            .map(|list| Some(list.into()));
    }
    Ok(fields::boolean_or_null(members, name)?.map(Value::Bool))
}

/// A name in a rule. One that is none would be a rule about nothing, and what it was to deny would be open.
fn rule_name(place: &str, text: &str) -> Result<String, ApiError> {
    match Name::parse(text) {
        Ok(name) if !name.is_root() => Ok(name.to_string()),
        _ => Err(ApiError::invalid_field(place, &text.into(), "a domain name")),
    }
}

/// An entry of `records_allow` or `records_deny` with all four members.
fn record_rule(entry: &Value, place: &str) -> Result<Value, ApiError> {
    let Value::Object(members) = entry else {
        return Err(ApiError::invalid_field(place, entry, "of type object"));
    };
    let read = || -> Result<RecordRule, ApiError> {
        let zone = rule_name("zone", fields::required_string(members, "zone")?)?;
        let text =
            |field| fields::string_or_null(members, field).map(|text| text.filter(|text| !text.is_empty()));
        let domain = text("domain")?.map(|domain| rule_name("domain", domain)).transpose()?;
        let rtype = match text("type")? {
            Some(rtype) => Some(
                plain_type(rtype)
                    .ok_or_else(|| ApiError::invalid_field("type", &rtype.into(), "a record type"))?,
            ),
            None => None,
        };
        let include_subdomains = fields::boolean_or_null(members, "include_subdomains")?.unwrap_or(false);
        Ok(RecordRule { zone, domain, include_subdomains, rtype })
    };
    let RecordRule { zone, domain, include_subdomains, rtype } =
        read().map_err(|error| error.within(place))?;
    let (domain, rtype) = (domain.unwrap_or_default(), rtype.unwrap_or_default());
    Ok(serde_json::json!({
        "domain": domain, "include_subdomains": include_subdomains, "zone": zone, "type": rtype,
    }))
}

/// The rule of a stored entry.
fn rule_of(entry: &Value) -> Option<RecordRule> {
    let text = |member: &str| entry.get(member)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    Some(RecordRule {
        zone: text("zone")?,
        domain: text("domain"),
        include_subdomains: entry.get("include_subdomains").and_then(Value::as_bool).unwrap_or(false),
        rtype: text("type"),
    })
}

/// A tag of another product's objects: kept as sent.
fn tag(entry: &Value, place: &str) -> Result<Value, ApiError> {
    let Value::Object(members) = entry else {
        return Err(ApiError::invalid_field(place, entry, "of type object"));
    };
    let name = fields::required_string(members, "name");
    let read = name.and_then(|_| fields::string_or_null(members, "value"));
    read.map(|_| entry.clone()).map_err(|error| error.within(place))
}

fn too_many(place: &str, limit: usize) -> ApiError {
    ApiError::bad_request(format!("Input validation failed ('<obj>.{place}' has more than {limit} entries)"))
}

/// The beginning of a caller's text.
fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn permissions(given: Value) -> Permissions {
        Permissions::default().merged(given.as_object().unwrap()).unwrap()
    }

    #[test]
    fn what_is_missing_is_allowed_and_what_is_left_out_stays() {
        let nothing = Permissions::default();
        assert!(Right::ALL.iter().all(|right| nothing.holds(*right)) && nothing.allows_zones_by_default());
        let restricted = permissions(json!({"dns": {"manage_zones": false}, "account": null}));
        assert!(!restricted.holds(Right::ManageZones) && restricted.holds(Right::ViewZones));
        let both = json!({"dns": {"view_zones": "0"}});
        let both = restricted.merged(both.as_object().unwrap()).unwrap();
        assert!(!both.holds(Right::ManageZones) && !both.holds(Right::ViewZones));
        let back = json!({"dns": {"manage_zones": null}});
        assert!(both.merged(back.as_object().unwrap()).unwrap().holds(Right::ManageZones));
    }

    #[test]
    fn names_get_their_plain_spelling_and_what_guards_nothing_is_kept() {
        let given = permissions(json!({
            "dns": {"zones_allow": ["Example.COM."], "zones_deny": null,
                    "records_allow": [{"zone": "A.test", "type": "aaaa"}, {"zone": "a.test", "type": "dnssec"}]},
            "dhcp": {"manage_dhcp": false, "tags_allow": [{"name": "auth:x", "value": "y"}]},
            "account": {"manage_auth_keys": true},
        }));
        let shown = given.shown();
        assert_eq!(shown["dns"]["zones_allow"], json!(["example.com"]));
        assert_eq!(shown["dns"]["zones_deny"], json!([]));
        let rule = json!({"domain": "", "include_subdomains": false, "zone": "a.test", "type": "AAAA"});
        assert_eq!(shown["dns"]["records_allow"][0], rule);
        assert_eq!(shown["dns"]["records_allow"][1]["type"], "DNSSEC");
        assert_eq!(
            shown["dhcp"],
            json!({"manage_dhcp": false, "tags_allow": [{"name": "auth:x", "value": "y"}]})
        );
        assert_eq!(shown["account"]["manage_auth_keys"], true);
        assert_eq!(shown.get("ipam"), None);
        assert_eq!(permissions(shown.clone().into()).shown(), shown);
    }

    #[test]
    fn a_wrong_member_is_named() {
        for (given, place) in [
            (json!({"dns": true}), "'<obj>.permissions.dns'"),
            (json!({"dns": {"view_zones": "maybe"}}), "'<obj>.permissions.dns.view_zones'"),
            (json!({"dns": {"zones_allow": "x"}}), "'<obj>.permissions.dns.zones_allow'"),
            (json!({"dns": {"zones_deny": [7]}}), "'<obj>.permissions.dns.zones_deny[0]'"),
            (json!({"dns": {"zones_deny": ["a..b"]}}), "'<obj>.permissions.dns.zones_deny[0]'"),
            (json!({"dns": {"zones_allow": ["a", ""]}}), "'<obj>.permissions.dns.zones_allow[1]'"),
            (
                json!({"dns": {"records_deny": [{"zone": "a/b..c"}]}}),
                "'<obj>.permissions.dns.records_deny[0].zone'",
            ),
            (json!({"dns": {"records_deny": [{"zone": "a", "domain": ".a"}]}}), "records_deny[0].domain'"),
            (json!({"dns": {"records_deny": [{}]}}), "'<obj>.permissions.dns.records_deny[0].zone'"),
            (json!({"dns": {"records_deny": [{"zone": "a", "type": "x"}]}}), "records_deny[0].type'"),
            (json!({"unknown": {"flag": []}}), "'<obj>.permissions.unknown.flag'"),
        ] {
            let error = Permissions::default().merged(given.as_object().unwrap()).unwrap_err();
            assert!(error.status == 400 && error.message.contains(place), "{}", error.message);
        }
    }

    #[test]
    fn several_teams_allow_what_any_of_them_allows() {
        let one = permissions(json!({
            "dns": {"view_zones": true, "manage_zones": false, "zones_allow_by_default": false,
                    "zones_allow": ["a.test"], "zones_deny": ["x.test", "y.test"]},
            "account": {"manage_users": false},
        }));
        let other = permissions(json!({
            "dns": {"manage_zones": true, "zones_allow_by_default": false, "zones_allow": ["b.test"],
                    "zones_deny": ["y.test"]},
            "account": {"manage_users": false},
        }));
        let union = Permissions::union(&[&one, &other]).shown();
        assert_eq!(union["dns"]["manage_zones"], true);
        assert_eq!(union["dns"]["zones_allow_by_default"], false);
        assert_eq!(union["dns"]["zones_allow"], json!(["a.test", "b.test"]));
        assert_eq!(union["dns"]["zones_deny"], json!(["y.test"]));
        assert_eq!(union["account"]["manage_users"], false);
        assert_eq!(Permissions::union(&[&one]).shown(), one.shown());
    }
}
