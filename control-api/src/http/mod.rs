//! What happens to every request before and after its handler.
//!
//! ```text
//! connection (serve, tls) → request id → path normalised → key checked → rate and concurrency → handler → headers, ETag
//! ```
//!
//! Handlers see only requests that passed all of it, with the acting key in the request's extensions.

pub mod body;
pub(crate) mod feed_urls;
pub(crate) mod front;
mod headers;
pub mod links;
pub mod path;
mod patience;
pub mod query;
pub mod rate;
pub mod reply;
pub(crate) mod request_id;
pub mod serve;
pub mod tls;

pub use body::{JsonObject, OptionalObject};
pub use links::Origin;
pub use query::Params;
pub use reply::{empty, json};
pub use serve::{Peer, serve};
