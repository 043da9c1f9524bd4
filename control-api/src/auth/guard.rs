//! Which request needs which right.
//!
//! One table names every route with what it needs, and one middleware looks there before any handler runs. A
//! route that the table does not name is refused, so nothing is open because it was forgotten. Zones and records
//! in the path are checked here as well, and for a change once more when it is made; handlers that list or search
//! leave out what [`Actor::may_view_zone`] and [`Actor::may_view_record`] say no to.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use axum::body::Body;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{MatchedPath, RawPathParams, Request};
use axum::http::{Method, Response, StatusCode};
use axum::middleware::Next;
use axum::response::IntoResponse;

use super::access::{Access, Reach};
use super::rights::Right;
use crate::error::ApiError;
use crate::service::Actor;
use crate::unserved;

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// No key at all.
    Nothing,
    /// Any key.
    Key,
    /// A key with a right.
    Right(Right),
    /// A key with one of these rights.
    AnyOf(&'static [Right]),
    /// A right, and so much of the zone that `{zone}` of the path names.
    Zone(Right, Reach),
    /// A right, and the record that `{zone}`, `{domain}` and `{type}` of the path name.
    Record(Right),
    /// [`Self::Record`] for the pseudo record that stands for the keys of `{zone}`.
    ZoneKeys(Right),
}

use Needs::{AnyOf, Key, Nothing, Record, Zone, ZoneKeys};
use Right::{
    ManageAccountSettings, ManageApikeys, ManageDatafeeds, ManageDatasources, ManageIpWhitelist,
    ManagePaymentMethods, ManageTeams, ManageUsers, ManageZones, PushToDatafeeds, ViewInvoices, ViewZones,
};

/// Who may see sources and feeds: whoever works on either.
const DATA: Needs = AnyOf(&[ManageDatasources, ManageDatafeeds]);

/// Method and path, as the router has them, and what they need. `HEAD` needs what `GET` needs.
pub const TABLE: &[(&str, &str, Needs)] = &[
    ("GET", "/healthz", Nothing),
    ("GET", "/readyz", Nothing),
    ("GET", "/metrics", Nothing),
    ("GET", "/openapi.json", Nothing),
    // Catalogs, the same for everyone.
    ("GET", "/v1/metatypes", Key),
    ("GET", "/v1/metatypes/geo", Key),
    ("GET", "/v1/filtertypes", Key),
    ("GET", "/v1/networks", Key),
    ("GET", "/v1/data/sourcetypes", Key),
    // Zones and records.
    ("GET", "/v1/zones", Needs::Right(ViewZones)),
    ("GET", "/v1/zones/{zone}", Zone(ViewZones, Reach::Records)),
    ("PUT", "/v1/zones/{zone}", Zone(ManageZones, Reach::Zone)),
    ("POST", "/v1/zones/{zone}", Zone(ManageZones, Reach::Zone)),
    ("DELETE", "/v1/zones/{zone}", Zone(ManageZones, Reach::Everything)),
    ("GET", "/v1/zones/{zone}/dnssec", ZoneKeys(ViewZones)),
    ("GET", "/v1/zones/{zone}/{domain}/{type}", Record(ViewZones)),
    ("PUT", "/v1/zones/{zone}/{domain}/{type}", Record(ManageZones)),
    ("POST", "/v1/zones/{zone}/{domain}/{type}", Record(ManageZones)),
    ("DELETE", "/v1/zones/{zone}/{domain}/{type}", Record(ManageZones)),
    ("GET", "/v1/explain/{zone}/{domain}/{type}", Record(ViewZones)),
    ("POST", "/v1/simulate/{zone}/{domain}/{type}", Record(ViewZones)),
    ("PUT", "/v1/import/zonefile/{zone}", Zone(ManageZones, Reach::Everything)),
    // Here `{zone}` may be the id of a job; the handler looks at the job's zone.
    ("GET", "/v1/import/zonefile/{zone}", Needs::Right(ViewZones)),
    ("GET", "/v1/import/zonefile/{zone}/status", Needs::Right(ViewZones)),
    ("PUT", "/v1/export/zonefile/{zone}", Zone(ViewZones, Reach::Everything)),
    ("GET", "/v1/export/zonefile/{zone}", Zone(ViewZones, Reach::Everything)),
    ("GET", "/v1/export/zonefile/{zone}/status", Zone(ViewZones, Reach::Everything)),
    ("PUT", "/v1/zones/{zone}/export/zonefile", Zone(ViewZones, Reach::Everything)),
    ("GET", "/v1/zones/{zone}/versions", Zone(ViewZones, Reach::Zone)),
    ("PUT", "/v1/zones/{zone}/versions", Zone(ManageZones, Reach::Everything)),
    ("DELETE", "/v1/zones/{zone}/versions/{version}", Zone(ManageZones, Reach::Everything)),
    ("POST", "/v1/zones/{zone}/versions/{version}/activate", Zone(ManageZones, Reach::Everything)),
    ("GET", "/v1/search", Needs::Right(ViewZones)),
    ("GET", "/v1/dns/zone/search", Needs::Right(ViewZones)),
    ("GET", "/v1/dns/record/search", Needs::Right(ViewZones)),
    // Secrets are shown, so to see keys is as much as to change them.
    ("GET", "/v1/tsig", Needs::Right(ManageZones)),
    ("GET", "/v1/tsig/{key}", Needs::Right(ManageZones)),
    ("PUT", "/v1/tsig/{key}", Needs::Right(ManageZones)),
    ("POST", "/v1/tsig/{key}", Needs::Right(ManageZones)),
    ("DELETE", "/v1/tsig/{key}", Needs::Right(ManageZones)),
    // Data sources and feeds.
    ("GET", "/v1/data/sources", DATA),
    ("PUT", "/v1/data/sources", Needs::Right(ManageDatasources)),
    ("GET", "/v1/data/sources/{source}", DATA),
    ("POST", "/v1/data/sources/{source}", Needs::Right(ManageDatasources)),
    ("DELETE", "/v1/data/sources/{source}", Needs::Right(ManageDatasources)),
    ("GET", "/v1/data/feeds/{source}", DATA),
    ("PUT", "/v1/data/feeds/{source}", Needs::Right(ManageDatafeeds)),
    ("GET", "/v1/data/feeds/{source}/{feed}", DATA),
    ("POST", "/v1/data/feeds/{source}/{feed}", Needs::Right(ManageDatafeeds)),
    ("DELETE", "/v1/data/feeds/{source}/{feed}", Needs::Right(ManageDatafeeds)),
    ("GET", "/v1/feed/{source}", Needs::Right(PushToDatafeeds)),
    ("PUT", "/v1/feed/{source}", Needs::Right(PushToDatafeeds)),
    ("POST", "/v1/feed/{source}", Needs::Right(PushToDatafeeds)),
    // Statistics.
    ("GET", "/v1/stats/qps", Needs::Right(ViewZones)),
    ("GET", "/v1/stats/qps/{zone}", Zone(ViewZones, Reach::Records)),
    ("GET", "/v1/stats/qps/{zone}/{domain}/{type}", Record(ViewZones)),
    ("GET", "/v1/stats/usage", Needs::Right(ViewZones)),
    ("GET", "/v1/stats/usage/{zone}", Zone(ViewZones, Reach::Records)),
    ("GET", "/v1/stats/usage/{zone}/{domain}/{type}", Record(ViewZones)),
    // The account.
    ("GET", "/v1/account/apikeys", Needs::Right(ManageApikeys)),
    ("PUT", "/v1/account/apikeys", Needs::Right(ManageApikeys)),
    ("GET", "/v1/account/apikeys/{keyid}", Needs::Right(ManageApikeys)),
    ("POST", "/v1/account/apikeys/{keyid}", Needs::Right(ManageApikeys)),
    ("DELETE", "/v1/account/apikeys/{keyid}", Needs::Right(ManageApikeys)),
    // Everyone may look at, renew and delete secrets of his own key; the handlers look at whose they are.
    ("GET", "/apikeys/v1/secrets/{secretid}", Key),
    ("PUT", "/apikeys/v1/secrets/{secretid}", Needs::Right(ManageApikeys)),
    ("DELETE", "/apikeys/v1/secrets/{secretid}", Key),
    ("POST", "/apikeys/v1/secrets/{secretid}/renew", Key),
    ("GET", "/v1/account/users", Needs::Right(ManageUsers)),
    ("PUT", "/v1/account/users", Needs::Right(ManageUsers)),
    ("GET", "/v1/account/users/{username}", Needs::Right(ManageUsers)),
    ("POST", "/v1/account/users/{username}", Needs::Right(ManageUsers)),
    ("DELETE", "/v1/account/users/{username}", Needs::Right(ManageUsers)),
    ("POST", "/v1/account/reinvite/{username}", Needs::Right(ManageUsers)),
    ("GET", "/v1/account/teams", Needs::Right(ManageTeams)),
    ("PUT", "/v1/account/teams", Needs::Right(ManageTeams)),
    ("GET", "/v1/account/teams/{teamid}", Needs::Right(ManageTeams)),
    ("POST", "/v1/account/teams/{teamid}", Needs::Right(ManageTeams)),
    ("DELETE", "/v1/account/teams/{teamid}", Needs::Right(ManageTeams)),
    ("GET", "/v1/account/whitelist", Needs::Right(ManageIpWhitelist)),
    ("PUT", "/v1/account/whitelist", Needs::Right(ManageIpWhitelist)),
    ("GET", "/v1/account/whitelist/{whitelistid}", Needs::Right(ManageIpWhitelist)),
    ("POST", "/v1/account/whitelist/{whitelistid}", Needs::Right(ManageIpWhitelist)),
    ("DELETE", "/v1/account/whitelist/{whitelistid}", Needs::Right(ManageIpWhitelist)),
    ("GET", "/v1/account/settings", Needs::Right(ManageAccountSettings)),
    ("POST", "/v1/account/settings", Needs::Right(ManageAccountSettings)),
    ("GET", "/v1/account/usagewarnings", Needs::Right(ManageAccountSettings)),
    ("POST", "/v1/account/usagewarnings", Needs::Right(ManageAccountSettings)),
    ("GET", "/v1/account/activity", Needs::Right(Right::ViewActivityLog)),
    // Plan, bill and usage.
    ("GET", "/v1/account/plantypes", Key),
    ("GET", "/v1/account/plan", Needs::Right(Right::ManagePlan)),
    ("POST", "/v1/account/plan", Needs::Right(Right::ManagePlan)),
    ("GET", "/v1/account/invoices", Needs::Right(ViewInvoices)),
    ("GET", "/v1/account/invoices/{invoiceid}", Needs::Right(ViewInvoices)),
    ("GET", "/v1/account/billataglance", Needs::Right(ViewInvoices)),
    ("GET", "/v1/account/paymentmethods", Needs::Right(ManagePaymentMethods)),
    ("PUT", "/v1/account/paymentmethods", Needs::Right(ManagePaymentMethods)),
    ("GET", "/v1/account/paymentmethods/{paymentmethodid}", Needs::Right(ManagePaymentMethods)),
    ("POST", "/v1/account/paymentmethods/{paymentmethodid}", Needs::Right(ManagePaymentMethods)),
    ("DELETE", "/v1/account/paymentmethods/{paymentmethodid}", Needs::Right(ManagePaymentMethods)),
    ("GET", "/billing-usage/v1/queries", Needs::Right(ViewInvoices)),
    ("GET", "/billing-usage/v1/limits", Needs::Right(ViewInvoices)),
    ("GET", "/billing-usage/v1/decisions", Needs::Right(ViewInvoices)),
    ("GET", "/billing-usage/v1/records", Needs::Right(ViewInvoices)),
    ("GET", "/billing-usage/v1/filter-chains", Needs::Right(ViewInvoices)),
    ("GET", "/billing-usage/v1/monitors", Needs::Right(ViewInvoices)),
    ("GET", "/billing-usage/v1/redirects", Needs::Right(ViewInvoices)),
    // Monitoring.
    ("GET", "/v1/monitoring/jobs", AnyOf(&[Right::ViewJobs, Right::ManageJobs])),
];

/// What each method of a path needs.
static BY_PATH: LazyLock<HashMap<&'static str, Vec<(Method, Needs)>>> = LazyLock::new(|| {
    let mut by_path: HashMap<&'static str, Vec<(Method, Needs)>> = HashMap::new();
    for (method, path, needs) in TABLE {
        // The methods of the table are plain words; one that could not be read would never match.
        let method = Method::from_bytes(method.as_bytes()).unwrap_or(Method::TRACE);
        by_path.entry(*path).or_default().push((method, *needs));
    }
    by_path
});

/// What one request needs: its entry of the table, with what its path names.
///
/// The actor of the request carries it, so that a change is made only if its maker still may at that moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    needs: Needs,
    method: Method,
    zone: String,
    domain: String,
    rtype: String,
}

impl Demand {
    fn of<'p>(path: &str, method: &Method, parameter: &dyn Fn(&str) -> &'p str) -> Result<Self, ApiError> {
        let entries = BY_PATH.get(path).map_or(&[][..], Vec::as_slice);
        let Some((_, needs)) = entries.iter().find(|(of, _)| of == method) else {
            return Err(not_open(method, path, entries));
        };
        let [zone, domain, rtype] = ["zone", "domain", "type"].map(|name| parameter(name).to_owned());
        Ok(Self { needs: *needs, method: method.clone(), zone, domain, rtype })
    }

    /// Whether a key with this access may do what is asked for.
    ///
    /// # Errors
    /// 403, and 404 for what cannot even be seen.
    pub(crate) fn check(&self, access: &Access) -> Result<(), ApiError> {
        let Self { needs, method, zone, domain, rtype } = self;
        match *needs {
            Nothing | Key => Ok(()),
            Needs::Right(right) => need(access, right),
            AnyOf(rights) if rights.iter().any(|right| access.may(*right)) => Ok(()),
            AnyOf(rights) => {
                Err(denied(&rights.iter().map(Right::to_string).collect::<Vec<_>>().join(" or ")))
            }
            Zone(right, reach) => {
                need(access, right)?;
                need_zone(access, right, zone, reach, method)
            }
            Record(right) => {
                need(access, right)?;
                need_record(access, right, [zone, domain, rtype])
            }
            ZoneKeys(right) => {
                need(access, right)?;
                need_record(access, right, [zone, zone, "DNSSEC"])
            }
        }
    }
}

/// Lets a request pass that may.
pub(crate) async fn check(
    path: MatchedPath,
    parameters: Result<RawPathParams, RawPathParamsRejection>,
    mut request: Request,
    next: Next,
) -> Response<Body> {
    let parameters = match parameters {
        Ok(parameters) => parameters,
        Err(_) => return ApiError::bad_request("the path cannot be read").into_response(),
    };
    let method = if *request.method() == Method::HEAD { Method::GET } else { request.method().clone() };
    let parameter = |name: &str| {
        parameters.iter().find(|(key, _)| *key == name).map(|(_, value)| value).unwrap_or_default()
    };
    match decide(path.as_str(), &method, request.extensions_mut().get_mut::<Actor>(), &parameter) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

/// Checks a request, and notes with its actor what it was checked for.
fn decide<'p>(
    path: &str,
    method: &Method,
    actor: Option<&mut Actor>,
    parameter: &dyn Fn(&str) -> &'p str,
) -> Result<(), ApiError> {
    let demand = Demand::of(path, method, parameter)?;
    if let Nothing = demand.needs {
        return Ok(());
    }
    let actor = actor.ok_or_else(ApiError::unauthorized)?;
    demand.check(&actor.access)?;
    actor.demand = Some(Arc::new(demand));
    Ok(())
}

/// What a request gets that the table does not name.
fn not_open(method: &Method, path: &str, entries: &[(Method, Needs)]) -> ApiError {
    let later = unserved::answer(path);
    if later.status == StatusCode::NOT_IMPLEMENTED {
        later
    } else if entries.is_empty() {
        ApiError::forbidden(format!("permission denied: nothing says who may use {path}"))
    } else {
        let allowed: Vec<&str> = entries.iter().map(|(of, _)| of.as_str()).collect();
        let message = format!("{method} is not allowed for {path}; allowed: {}", allowed.join(", "));
        ApiError::new(StatusCode::METHOD_NOT_ALLOWED, message)
    }
}

fn need(access: &Access, right: Right) -> Result<(), ApiError> {
    if access.may(right) { Ok(()) } else { Err(denied(&right.to_string())) }
}

/// What cannot be seen is not found; what can be seen, but not enough of it, is forbidden.
fn need_zone(
    access: &Access,
    right: Right,
    zone: &str,
    needed: Reach,
    method: &Method,
) -> Result<(), ApiError> {
    match access.reach(right, zone) {
        reach if reach >= needed => Ok(()),
        Reach::Nothing if *method != Method::PUT && !access.sees_zone(zone) => {
            Err(ApiError::zone_not_found())
        }
        Reach::Nothing => Err(out_of_reach(&format!("the zone {zone}"), right)),
        _ => Err(out_of_reach(&format!("all of the zone {zone}"), right)),
    }
}

fn need_record(access: &Access, right: Right, place: [&str; 3]) -> Result<(), ApiError> {
    let [zone, domain, rtype] = place;
    if access.reaches_record(right, zone, domain, rtype) {
        Ok(())
    } else if !access.sees_zone(zone) {
        Err(ApiError::zone_not_found())
    } else {
        Err(out_of_reach(&format!("{domain} {rtype} of the zone {zone}"), right))
    }
}

fn denied(rights: &str) -> ApiError {
    ApiError::forbidden(format!("permission denied: {rights} is needed"))
}

/// 403 for a right that does not extend to something.
pub(crate) fn out_of_reach(what: &str, right: Right) -> ApiError {
    ApiError::forbidden(format!("permission denied: {right} does not extend to {what}"))
}

#[cfg(test)]
mod tests;
