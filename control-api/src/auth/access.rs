//! What a key may do and reach, compiled from its permissions or from those of its teams.
//!
//! Each team is decided on by itself, and the key may do what any of them allows. So a team that sees every zone
//! and changes none, and one that changes a single zone, do not add up to changing every zone.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use super::permissions::{Permissions, RecordRule, plain_name, plain_type};
use super::rights::Right;

/// How much of a zone is within reach, from nothing to everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Not even its name.
    Nothing,
    /// Single records.
    Records,
    /// The zone's settings and its records, except for some.
    Zone,
    /// The zone's settings and all of its records.
    Everything,
}

/// One permissions object, compiled.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Grant {
    rights: u32,
    zones_by_default: bool,
    zones_allow: HashSet<String>,
    zones_deny: HashSet<String>,
    /// By zone.
    records_allow: HashMap<String, Vec<RecordRule>>,
    records_deny: HashMap<String, Vec<RecordRule>>,
}

impl Grant {
    /// Compiles a permissions object.
    pub fn new(permissions: &Permissions) -> Self {
        let held = Right::ALL.iter().filter(|right| permissions.holds(**right));
        let names = |list| permissions.zones(list).map(str::to_owned).collect();
        let rules = |list| {
            let mut rules: HashMap<String, Vec<RecordRule>> = HashMap::new();
            for rule in permissions.records(list) {
                rules.entry(rule.zone.clone()).or_default().push(rule);
            }
            rules
        };
        Self {
            rights: held.fold(0, |bits, right| bits | right.bit()),
            zones_by_default: permissions.allows_zones_by_default(),
            zones_allow: names("zones_allow"),
            zones_deny: names("zones_deny"),
            records_allow: rules("records_allow"),
            records_deny: rules("records_deny"),
        }
    }

    fn holds(&self, right: Right) -> bool {
        self.rights & right.bit() != 0
    }

    /// `zone` in its plain spelling.
    fn reach(&self, zone: &str) -> Reach {
        if self.zones_deny.contains(zone) {
            Reach::Nothing
        } else if self.records_allow.contains_key(zone) {
            Reach::Records
        } else if !self.zones_by_default && !self.zones_allow.contains(zone) {
            Reach::Nothing
        } else if self.records_deny.contains_key(zone) {
            Reach::Zone
        } else {
            Reach::Everything
        }
    }

    fn reaches_record(&self, zone: &str, domain: &str, rtype: &str) -> bool {
        let matches = |rules: &HashMap<String, Vec<RecordRule>>| {
            rules.get(zone).map(|rules| rules.iter().any(|rule| rule.covers(domain, rtype)))
        };
        self.reach(zone) != Reach::Nothing
            && matches(&self.records_deny) != Some(true)
            && matches(&self.records_allow) != Some(false)
    }

    fn is_unrestricted(&self) -> bool {
        self.zones_by_default
            && self.zones_deny.is_empty()
            && self.records_allow.is_empty()
            && self.records_deny.is_empty()
    }

    /// Whether every zone and record within another grant's reach is within this one's too. May say no where a
    /// closer look would say yes.
    fn covers_reach_of(&self, other: &Grant) -> bool {
        if self.is_unrestricted() {
            return true;
        }
        let zone_is_covered = |zone: &String| {
            // Of a zone that both restrict by records, only the same rules are sure to be no wider.
            let denied = self.records_deny.get(zone).into_iter().flatten();
            let denied_there = other.records_deny.get(zone);
            let mut kept = denied.map(|rule| denied_there.is_some_and(|rules| rules.contains(rule)));
            let reach = self.reach(zone);
            let allowed = match (self.records_allow.get(zone), other.records_allow.get(zone)) {
                (None, _) => reach >= Reach::Zone,
                (Some(own), Some(others)) => others.iter().all(|rule| own.contains(rule)),
                (Some(_), None) => false,
            };
            reach != Reach::Nothing && allowed && kept.all(|kept| kept)
        };
        if other.zones_by_default {
            let named =
                self.zones_deny.iter().chain(self.records_allow.keys()).chain(self.records_deny.keys());
            let mut named = named.filter(|zone| other.reach(zone) != Reach::Nothing);
            self.zones_by_default && named.all(zone_is_covered)
        } else {
            let named = other.zones_allow.iter().chain(other.records_allow.keys());
            named.filter(|zone| other.reach(zone) != Reach::Nothing).all(zone_is_covered)
        }
    }
}

impl RecordRule {
    /// Whether the rule is about a record of its zone. Names in plain spelling, the type in capitals.
    fn covers(&self, domain: &str, rtype: &str) -> bool {
        let name_fits = self.domain.as_ref().is_none_or(|named| {
            let below = || domain.strip_suffix(named.as_str()).is_some_and(|front| front.ends_with('.'));
            domain == named || self.include_subdomains && below()
        });
        name_fits && self.rtype.as_ref().is_none_or(|named| named == rtype)
    }
}

/// What a key may do: all that any of its grants allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access(Arc<[Arc<Grant>]>);

impl Access {
    /// May do everything.
    pub fn full() -> Self {
        static FULL: LazyLock<Access> =
            LazyLock::new(|| Access::of([Arc::new(Grant::new(&Permissions::default()))]));
        FULL.clone()
    }

    /// May push to data feeds, and nothing else.
    pub(crate) fn push_only() -> Self {
        Self::of([Arc::new(Grant { rights: Right::PushToDatafeeds.bit(), ..Grant::default() })])
    }

    /// May do what any of these grants allows; nothing without any.
    pub fn of(grants: impl IntoIterator<Item = Arc<Grant>>) -> Self {
        Self(grants.into_iter().collect())
    }

    /// Whether a right is held.
    pub fn may(&self, right: Right) -> bool {
        self.0.iter().any(|grant| grant.holds(right))
    }

    /// How much of a zone can be reached with a right.
    pub fn reach(&self, right: Right, zone: &str) -> Reach {
        if self.reaches_everything(right) {
            return Reach::Everything;
        }
        let zone = plain_name(zone);
        self.grants(right).map(|grant| grant.reach(&zone)).max().unwrap_or(Reach::Nothing)
    }

    /// Whether a zone may be seen, be it only for some of its records.
    pub fn sees_zone(&self, zone: &str) -> bool {
        self.reach(Right::ViewZones, zone) != Reach::Nothing
    }

    /// Whether a record can be reached with a right. The type `DNSSEC` stands for the keys of a signed zone.
    pub fn reaches_record(&self, right: Right, zone: &str, domain: &str, rtype: &str) -> bool {
        if self.reaches_everything(right) {
            return true;
        }
        // What is no type fits no rule about one, and no record either.
        let rtype = plain_type(rtype).unwrap_or_default();
        let (zone, domain) = (plain_name(zone), plain_name(domain));
        self.grants(right).any(|grant| grant.reaches_record(&zone, &domain, &rtype))
    }

    fn grants(&self, right: Right) -> impl Iterator<Item = &Arc<Grant>> {
        self.0.iter().filter(move |grant| grant.holds(right))
    }

    /// Whether a right extends to all zones and records: the usual case, in which lists of a million records need not
    /// look at each name.
    pub fn reaches_everything(&self, right: Right) -> bool {
        self.grants(right).any(|grant| grant.is_unrestricted())
    }

    /// Whether every zone and record can be reached, and every right is held.
    pub fn is_full(&self) -> bool {
        let holds_all = |grant: &Arc<Grant>| Right::ALL.iter().all(|right| grant.holds(*right));
        self.0.iter().any(|grant| grant.is_unrestricted() && holds_all(grant))
    }

    /// Whether all that another one may do is allowed here too. May say no where a closer look would say yes.
    pub fn covers(&self, other: &Access) -> bool {
        self.is_full()
            || other.0.iter().all(|theirs| {
                let of_zones = |right: &Right| matches!(right, Right::ViewZones | Right::ManageZones);
                let held = || Right::ALL.iter().filter(|right| theirs.holds(**right));
                held().all(|right| self.may(*right))
                    && held().filter(|right| of_zones(right)).all(|right| {
                        self.0.iter().any(|own| own.holds(*right) && own.covers_reach_of(theirs))
                    })
            })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn grant(dns: Value) -> Arc<Grant> {
        let given = json!({"dns": dns});
        let permissions = Permissions::default().merged(given.as_object().unwrap()).unwrap();
        Arc::new(Grant::new(&permissions))
    }

    fn access(dns: Value) -> Access {
        Access::of([grant(dns)])
    }

    fn sees(access: &Access, record: &str) -> bool {
        let parts: Vec<&str> = record.split(' ').collect();
        access.reaches_record(Right::ViewZones, parts[0], parts[1], parts[2])
    }

    #[test]
    fn deny_beats_allow_and_the_default_decides_the_rest() {
        let lists = |by_default: bool| json!({"zones_allow_by_default": by_default, "zones_allow": ["a.test", "b.test"], "zones_deny": ["b.test"]});
        for (by_default, other) in [(true, Reach::Everything), (false, Reach::Nothing)] {
            let access = access(lists(by_default));
            assert_eq!(access.reach(Right::ViewZones, "A.test."), Reach::Everything);
            assert_eq!(access.reach(Right::ManageZones, "b.test"), Reach::Nothing);
            assert_eq!(access.reach(Right::ViewZones, "c.test"), other);
            assert_eq!(access.reach(Right::ViewZones, "sub.a.test"), other);
        }
    }

    #[test]
    fn an_allowed_record_is_reachable_in_a_zone_that_is_not() {
        let access = access(json!({
            "zones_allow_by_default": false, "zones_allow": ["b.test"],
            "records_allow": [
                {"zone": "a.test", "domain": "www.a.test", "type": "A"},
                {"zone": "a.test", "domain": "sub.a.test", "include_subdomains": true},
            ],
        }));
        assert_eq!(access.reach(Right::ViewZones, "a.test"), Reach::Records);
        for record in
            ["a.test WWW.a.test a", "a.test sub.a.test MX", "a.test x.y.sub.a.test A", "b.test b.test TXT"]
        {
            assert!(sees(&access, record), "{record}");
        }
        for record in
            ["a.test www.a.test AAAA", "a.test a.test A", "a.test notsub.a.test A", "c.test www.a.test A"]
        {
            assert!(!sees(&access, record), "{record}");
        }
    }

    #[test]
    fn a_denied_record_is_out_of_reach_whatever_allows_it() {
        let access = access(json!({
            "records_allow": [{"zone": "a.test"}],
            "records_deny": [{"zone": "a.test", "type": "MX"}, {"zone": "b.test", "domain": "*.b.test"}],
        }));
        assert!(sees(&access, "a.test a.test A") && !sees(&access, "a.test a.test MX"));
        assert_eq!(access.reach(Right::ViewZones, "b.test"), Reach::Zone);
        assert!(sees(&access, "b.test b.test A") && !sees(&access, "b.test *.b.test A"));
        for other_spelling in ["a.test a.test TYPE15", "A.TEST. a.test type015", "b.test \\042.b.test A"] {
            assert!(!sees(&access, other_spelling), "{other_spelling}");
        }
    }

    #[test]
    fn teams_are_decided_on_one_by_one() {
        let viewer = grant(json!({"manage_zones": false}));
        let editor = grant(json!({"zones_allow_by_default": false, "zones_allow": ["a.test"]}));
        let both = Access::of([viewer, editor]);
        assert!(both.may(Right::ManageZones));
        assert_eq!(both.reach(Right::ManageZones, "a.test"), Reach::Everything);
        assert_eq!(both.reach(Right::ManageZones, "b.test"), Reach::Nothing);
        assert_eq!(both.reach(Right::ViewZones, "b.test"), Reach::Everything);
        let none = Access::of([]);
        assert!(Right::ALL.iter().all(|right| !none.may(*right)));
        assert_eq!(none.reach(Right::ViewZones, "a.test"), Reach::Nothing);
    }

    #[test]
    fn only_what_is_held_can_be_given_away() {
        let some = json!({"zones_allow_by_default": false, "zones_allow": ["a.test", "b.test"]});
        let one = json!({"zones_allow_by_default": false, "zones_allow": ["a.test"]});
        let all_but_one = json!({"zones_deny": ["b.test"]});
        let record =
            json!({"zones_allow_by_default": false, "records_allow": [{"zone": "a.test", "type": "A"}]});
        let no_mx = json!({"zones_allow_by_default": false, "zones_allow": ["a.test"],
                           "records_deny": [{"zone": "a.test", "type": "MX"}]});
        let full = json!({});
        for (giver, gift, is_covered) in [
            (&full, &some, true),
            (&full, &full, true),
            (&some, &one, true),
            (&one, &some, false),
            (&one, &full, false),
            (&all_but_one, &one, true),
            (&all_but_one, &some, false),
            (&all_but_one, &all_but_one, true),
            (&all_but_one, &full, false),
            (&one, &record, true),
            (&record, &one, false),
            (&record, &record, true),
            (&one, &no_mx, true),
            (&no_mx, &one, false),
            (&no_mx, &record, false),
            (&no_mx, &no_mx, true),
        ] {
            let (from, to) = (access(giver.clone()), access(gift.clone()));
            assert_eq!(from.covers(&to), is_covered, "{giver} {gift}");
        }
        let viewer = access(json!({"manage_zones": false}));
        assert!(
            !viewer.covers(&Access::full()) && Access::full().covers(&viewer) && Access::full().is_full()
        );
        assert!(!viewer.is_full());
    }
}
