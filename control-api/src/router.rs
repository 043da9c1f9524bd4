//! Every path the API serves.
//!
//! Handlers live beside what they are about; this page is the index. Literal segments win over parameters.
//! What is not here is answered by `unserved`, or with 405 when only the method differs.

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef, Request};
use axum::http::{Method, StatusCode, Uri};
use axum::routing::{delete, get, post, put};
use geoip_data::GeoHandle;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Semaphore;

use crate::auth::guard;
use crate::error::ApiError;
use crate::http::front::{self, Front};
use crate::limits::{EXAMINATIONS, Limits};
use crate::metrics::{self, RequestMetrics};
use crate::native::health;
use crate::openapi;
use crate::outgoing::Outgoing;
use crate::service::Service;
use crate::statistics::Statistics;
use crate::unserved;
use crate::v1::account::{billing, keys, secrets, settings, teams, usage, users, whitelists};
use crate::v1::{
    activity, catalog, dnssec, explain, export, feeds, import, paged_search, push, records, search, simulate,
    sources, stats, tsig, versions, zones,
};

/// Adds what the rest of the process counts.
pub type MetricsWriter = Arc<dyn Fn(&mut metrics::Text) + Send + Sync>;

/// Settings of the HTTP side.
#[derive(Clone, Default)]
pub struct ApiOptions {
    /// Bounds of what clients may ask for.
    pub limits: Limits,
    /// What `/metrics` shows beside the API's own numbers.
    pub metrics: Option<MetricsWriter>,
    /// Requests to Amazon SNS, for sources of type `cloudwatch`; without it there are none.
    pub outgoing: Option<Outgoing>,
    /// The folder for files that are needed for a while only; that of the system when there is none.
    pub scratch: Option<PathBuf>,
    /// How many queries there were.
    pub statistics: Arc<Statistics>,
}

/// What every handler may use.
#[derive(Clone)]
pub struct ApiState {
    /// The configuration: reads from tables, writes through the committer.
    pub service: Service,
    /// The geography in use.
    pub geo: GeoHandle,
    /// Settings of the HTTP side.
    pub options: Arc<ApiOptions>,
    pub(crate) imports: Arc<import::Imports>,
    pub(crate) exports: Arc<export::Exports>,
    /// Places for work that may take a while.
    pub(crate) examinations: Arc<Semaphore>,
    pub(crate) populations: Arc<simulate::Populations>,
    pub(crate) request_metrics: Arc<RequestMetrics>,
}

impl ApiState {
    /// Runs a read that may keep a core busy, as one of a few at a time, apart from the threads that serve
    /// requests.
    ///
    /// # Errors
    /// Those of `action`.
    pub(crate) async fn examine<T, F>(&self, action: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&Service) -> Result<T, ApiError> + Send + 'static,
    {
        let permit = Arc::clone(&self.examinations).acquire_owned().await.map_err(ApiError::internal)?;
        self.service
            .read(move |service| {
                // A caller that goes away does not end the work, so the place is given back by the work itself.
                let _permit = permit;
                action(service)
            })
            .await
    }
}

impl FromRef<ApiState> for Service {
    fn from_ref(state: &ApiState) -> Self {
        state.service.clone()
    }
}

/// The whole API as one service: hand it to [`http::serve`](crate::http::serve()).
pub fn router(service: Service, geo: GeoHandle, options: ApiOptions) -> Router {
    let limits = options.limits.clone();
    let (options, exports) = (Arc::new(options), Arc::default());
    let imports = Arc::new(import::Imports::new(&service));
    let (examinations, populations) = (Arc::new(Semaphore::new(EXAMINATIONS)), Arc::default());
    let request_metrics = Arc::<RequestMetrics>::default();
    let state = ApiState {
        service: service.clone(),
        geo,
        options,
        imports,
        exports,
        examinations,
        populations,
        request_metrics: Arc::clone(&request_metrics),
    };
    let front = Arc::new(Front::new(service, routes().with_state(state), limits, request_metrics));
    Router::new().fallback(move |request: Request| {
        let front = Arc::clone(&front);
        async move { front.handle(request).await }
    })
}

fn routes() -> Router<ApiState> {
    Router::new()
        .merge(native())
        .merge(dns())
        .merge(data())
        .merge(catalogs())
        .merge(account())
        .merge(statistics())
        // There are none yet. Tools that manage steered records list them before they do anything else.
        .route("/v1/monitoring/jobs", get(catalog::monitoring_jobs).fallback(not_served))
        .route_layer(axum::middleware::from_fn(guard::check))
        .route_layer(axum::middleware::from_fn(front::note_route))
        .fallback(not_served)
        .method_not_allowed_fallback(async |method: Method, uri: Uri| {
            let message = format!("{method} is not allowed for {}", uri.path());
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, message)
        })
}

async fn not_served(uri: Uri) -> ApiError {
    unserved::answer(uri.path())
}

fn native() -> Router<ApiState> {
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .route("/openapi.json", get(openapi::document))
}

fn dns() -> Router<ApiState> {
    let zone = get(zones::view).put(zones::create).post(zones::update).delete(zones::remove);
    let record = get(records::view).put(records::create).post(records::update).delete(records::remove);
    let key = get(tsig::view).put(tsig::create).post(tsig::update).delete(tsig::remove);
    // The zone file is counted where it is received; the general limit would cut it.
    let upload = put(import::start).get(import::status).layer(DefaultBodyLimit::disable());
    Router::new()
        .route("/v1/zones", get(zones::list))
        .route("/v1/zones/{zone}", zone)
        .route("/v1/zones/{zone}/dnssec", get(dnssec::view))
        .route("/v1/zones/{zone}/{domain}/{type}", record)
        .route("/v1/zones/{zone}/versions", get(versions::list).put(versions::create))
        .route("/v1/zones/{zone}/versions/{version}", delete(versions::remove))
        .route("/v1/zones/{zone}/versions/{version}/activate", post(versions::activate))
        .route("/v1/explain/{zone}/{domain}/{type}", get(explain::explain))
        .route("/v1/simulate/{zone}/{domain}/{type}", post(simulate::simulate))
        .route("/v1/import/zonefile/{zone}", upload)
        .route("/v1/import/zonefile/{zone}/status", get(import::status_of_zone))
        .route("/v1/export/zonefile/{zone}", put(export::start).get(export::download))
        .route("/v1/export/zonefile/{zone}/status", get(export::status))
        // Where a client library starts one.
        .route("/v1/zones/{zone}/export/zonefile", put(export::start_below_zone))
        .route("/v1/search", get(search::search))
        .route("/v1/dns/zone/search", get(paged_search::zones))
        .route("/v1/dns/record/search", get(paged_search::records))
        .route("/v1/tsig", get(tsig::list))
        .route("/v1/tsig/{key}", key)
}

fn data() -> Router<ApiState> {
    let source = get(sources::view).post(sources::update).delete(sources::remove);
    let feed = get(feeds::view).post(feeds::update).delete(feeds::remove);
    let publish = post(push::publish).put(push::publish).get(push::publish_query);
    Router::new()
        .route("/v1/data/sources", get(sources::list).put(sources::create))
        .route("/v1/data/sources/{source}", source)
        .route("/v1/data/feeds/{source}", get(feeds::list).put(feeds::create))
        .route("/v1/data/feeds/{source}/{feed}", feed)
        .route("/v1/feed/{source}", publish)
}

fn account() -> Router<ApiState> {
    let key = get(keys::view).post(keys::update).delete(keys::remove);
    let secret = get(secrets::view).put(secrets::update).delete(secrets::remove);
    let user = get(users::view).post(users::update).delete(users::remove);
    let team = get(teams::view).post(teams::update).delete(teams::remove);
    let whitelist = get(whitelists::view).post(whitelists::update).delete(whitelists::remove);
    let no_method = billing::no_payment_method;
    Router::new()
        .route("/v1/account/apikeys", get(keys::list).put(keys::create))
        .route("/v1/account/apikeys/{keyid}", key)
        .route("/apikeys/v1/secrets/{secretid}", secret)
        .route("/apikeys/v1/secrets/{secretid}/renew", post(secrets::renew))
        .route("/v1/account/users", get(users::list).put(users::create))
        .route("/v1/account/users/{username}", user)
        .route("/v1/account/reinvite/{username}", post(users::reinvite))
        .route("/v1/account/teams", get(teams::list).put(teams::create))
        .route("/v1/account/teams/{teamid}", team)
        .route("/v1/account/whitelist", get(whitelists::list).put(whitelists::create))
        .route("/v1/account/whitelist/{whitelistid}", whitelist)
        .route("/v1/account/settings", get(settings::view).post(settings::update))
        .route("/v1/account/usagewarnings", get(settings::view_warnings).post(settings::update_warnings))
        .route("/v1/account/activity", get(activity::list))
        .route("/v1/account/plantypes", get(billing::plan_types))
        .route("/v1/account/plan", get(billing::view_plan).post(billing::change_plan))
        .route("/v1/account/invoices", get(billing::invoices))
        .route("/v1/account/invoices/{invoiceid}", get(billing::invoice))
        .route("/v1/account/billataglance", get(billing::at_a_glance))
        .route("/v1/account/paymentmethods", get(billing::payment_methods).put(billing::no_payments))
        .route(
            "/v1/account/paymentmethods/{paymentmethodid}",
            get(no_method).post(no_method).delete(no_method),
        )
        .route("/billing-usage/v1/queries", get(usage::queries))
        .route("/billing-usage/v1/limits", get(usage::limits))
        .route("/billing-usage/v1/decisions", get(usage::decisions))
        .route("/billing-usage/v1/records", get(usage::records))
        .route("/billing-usage/v1/filter-chains", get(usage::filter_chains))
        .route("/billing-usage/v1/monitors", get(usage::monitors))
        .route("/billing-usage/v1/redirects", get(usage::redirects))
}

fn statistics() -> Router<ApiState> {
    Router::new()
        .route("/v1/stats/qps", get(stats::account_rate))
        .route("/v1/stats/qps/{zone}", get(stats::zone_rate))
        .route("/v1/stats/qps/{zone}/{domain}/{type}", get(stats::record_rate))
        .route("/v1/stats/usage", get(stats::account_usage))
        .route("/v1/stats/usage/{zone}", get(stats::zone_usage))
        .route("/v1/stats/usage/{zone}/{domain}/{type}", get(stats::record_usage))
}

fn catalogs() -> Router<ApiState> {
    Router::new()
        .route("/v1/metatypes", get(catalog::meta_types))
        .route("/v1/metatypes/geo", get(catalog::places))
        .route("/v1/filtertypes", get(catalog::filter_types))
        .route("/v1/networks", get(catalog::networks))
        .route("/v1/data/sourcetypes", get(catalog::source_types))
}
