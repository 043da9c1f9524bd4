//! The requests that this server sends by itself: certificates and confirmations of Amazon SNS.
//!
//! They are made for sources of type `cloudwatch` only, over HTTPS, to hosts of SNS only, without following
//! redirects, and bounded in size and time. Tests put a fetcher of their own in place of the network.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use crate::error::ApiError;
use crate::limits::{CERTIFICATES_KEPT, FETCH_TIMEOUT, FETCHED_BYTES};

/// Fetches at once: what more senders ask for waits.
const FETCHES_AT_ONCE: usize = 4;

/// Gets what lies at a URL, or says why not. May block.
pub type Fetch = Arc<dyn Fn(&str) -> Result<Vec<u8>, String> + Send + Sync>;

/// A [`Fetch`] with its limits, and the certificates it has got.
#[derive(Clone)]
pub struct Outgoing(Arc<Inner>);

struct Inner {
    fetch: Fetch,
    places: Semaphore,
    /// By URL: a certificate of SNS never changes there.
    certificates: Mutex<HashMap<String, Arc<Vec<u8>>>>,
}

impl Outgoing {
    /// Over HTTPS, trusting the authorities that Mozilla trusts. Proxies are taken from the environment.
    pub fn https() -> Self {
        let config = ureq::Agent::config_builder()
            .https_only(true)
            .max_redirects(0)
            .timeout_global(Some(FETCH_TIMEOUT))
            .user_agent(concat!("sextant/", env!("CARGO_PKG_VERSION")));
        let agent = ureq::Agent::new_with_config(config.build());
        Self::new(Arc::new(move |url| {
            let mut response = agent.get(url).call().map_err(|error| error.to_string())?;
            if !response.status().is_success() {
                return Err(format!("status {}", response.status().as_u16()));
            }
            let body = response.body_mut().with_config().limit(FETCHED_BYTES as u64);
            body.read_to_vec().map_err(|error| error.to_string())
        }))
    }

    /// With a fetcher of one's own.
    pub fn new(fetch: Fetch) -> Self {
        let places = Semaphore::new(FETCHES_AT_ONCE);
        Self(Arc::new(Inner { fetch, places, certificates: Mutex::default() }))
    }

    /// Gets what lies at `url`, which the caller has checked.
    ///
    /// # Errors
    /// 502 when it cannot be got.
    pub(crate) async fn get(&self, url: &str) -> Result<Vec<u8>, ApiError> {
        let _place = self.0.places.acquire().await.map_err(ApiError::internal)?;
        let (fetch, target) = (Arc::clone(&self.0.fetch), url.to_owned());
        let fetched =
            tokio::task::spawn_blocking(move || fetch(&target)).await.map_err(ApiError::internal)?;
        fetched.map_err(|reason| {
            let host = url.split('/').nth(2).unwrap_or_default();
            tracing::warn!(host, reason, "a request to the outside failed");
            let message = format!("{host} did not answer as expected; try again later");
            ApiError::new(axum::http::StatusCode::BAD_GATEWAY, message)
        })
    }

    /// As [`Self::get`], remembered once `check` found it good.
    pub(crate) async fn certificate(
        &self,
        url: &str,
        check: impl Fn(&[u8]) -> Result<(), ApiError>,
    ) -> Result<(), ApiError> {
        let known = self.certificates().get(url).cloned();
        if let Some(certificate) = known {
            return check(&certificate);
        }
        let certificate = self.get(url).await?;
        check(&certificate)?;
        let mut certificates = self.certificates();
        if certificates.len() >= CERTIFICATES_KEPT {
            certificates.clear();
        }
        certificates.insert(url.to_owned(), Arc::new(certificate));
        Ok(())
    }

    fn certificates(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Vec<u8>>>> {
        self.0.certificates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outgoing")
    }
}
