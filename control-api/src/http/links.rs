//! Absolute addresses of further pages (RFC 8288).
//!
//! Clients follow only absolute URLs, so the scheme and host are those the client itself used: a proxy in
//! front says the scheme with `X-Forwarded-Proto`, and the host is the request's `Host`.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, header};
use std::convert::Infallible;

use super::path::encode_into;
use super::query::Params;
use super::serve::Secure;

/// Where the client found this resource: what a link to another page of it is built from.
#[derive(Clone, Debug)]
pub struct Origin {
    scheme: &'static str,
    host: String,
    path: String,
    query: Vec<(String, String)>,
}

impl Origin {
    /// The `Link` header that leads to the page after `after`, keeping the other query parameters.
    ///
    /// `limit` is named only if the request named one, so that a later default applies to later pages.
    pub fn next_page(&self, after: &str) -> (HeaderName, HeaderValue) {
        let mut url = format!("{}://{}{}", self.scheme, self.host, self.path);
        let kept = self.query.iter().filter(|(name, _)| name != "after");
        let pairs = kept.map(|(name, value)| (name.as_str(), value.as_str()));
        for (index, (name, value)) in pairs.chain([("after", after)]).enumerate() {
            url.push(if index == 0 { '?' } else { '&' });
            encode_into(name, &mut url);
            url.push('=');
            encode_into(value, &mut url);
        }
        let link = HeaderValue::from_str(&format!("<{url}>; rel=\"next\""));
        (header::LINK, link.expect("host is checked and the rest is escaped: visible ASCII only"))
    }

    fn scheme(parts: &Parts) -> &'static str {
        if parts.extensions.get::<Secure>().is_some() {
            return "https";
        }
        let headers = &parts.headers;
        // Several proxies append; the first value is the one nearest to the client.
        let forwarded = headers.get("x-forwarded-proto").and_then(|value| value.to_str().ok());
        let first = forwarded.and_then(|list| list.split(',').next()).unwrap_or_default();
        if first.trim().eq_ignore_ascii_case("https") { "https" } else { "http" }
    }

    fn host(parts: &Parts) -> String {
        let of_header = parts.headers.get(header::HOST).and_then(|value| value.to_str().ok());
        let of_uri = parts.uri.authority().map(|authority| authority.as_str());
        let fits = |host: &&str| {
            !host.is_empty()
                && host.len() <= 300
                && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_:[]%".contains(&b))
        };
        of_header.or(of_uri).filter(fits).unwrap_or("localhost").to_owned()
    }
}

impl<S: Sync> FromRequestParts<S> for Origin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let query = Params::parse(parts.uri.query().unwrap_or_default()).unwrap_or_default();
        Ok(Self {
            scheme: Self::scheme(parts),
            host: Self::host(parts),
            path: parts.uri.path().to_owned(),
            query: query.pairs().map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    async fn link_of(request: axum::http::request::Builder, after: &str) -> String {
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let origin = Origin::from_request_parts(&mut parts, &()).await.unwrap();
        origin.next_page(after).1.to_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn a_link_uses_the_scheme_and_host_of_the_request() {
        let request = Request::get("/v1/zones?limit=2&after=a").header("host", "api.example:8053");
        let link = link_of(request, "b.example").await;
        assert_eq!(link, "<http://api.example:8053/v1/zones?limit=2&after=b.example>; rel=\"next\"");

        let request =
            Request::get("/v1/zones").header("host", "[::1]:8053").header("x-forwarded-proto", "https, http");
        let link = link_of(request, "x").await;
        assert_eq!(link, "<https://[::1]:8053/v1/zones?after=x>; rel=\"next\"");
    }

    #[tokio::test]
    async fn nothing_of_a_request_can_break_out_of_the_link() {
        let request = Request::get("/v1/zones?q=%3E%22").header("host", "evil\"><x");
        let link = link_of(request, "a>\"\r\nb").await;
        assert_eq!(link, "<http://localhost/v1/zones?q=%3E%22&after=a%3E%22%0D%0Ab>; rel=\"next\"");
    }
}
