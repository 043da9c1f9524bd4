//! The headers that replies carry beside their body, and conditional reads.

use axum::http::{HeaderMap, HeaderValue, header};
use sha1::{Digest, Sha1};

/// Sets the headers that no reply lacks: nothing here may be cached without asking again.
pub(crate) fn fixed_headers(headers: &mut HeaderMap) {
    headers.insert(header::SERVER, HeaderValue::from_static("Sextant"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::EXPIRES, HeaderValue::from_static("0"));
}

/// The strong entity tag of a body: 40 hex digits in quotes.
pub(crate) fn entity_tag(body: &[u8]) -> HeaderValue {
    let digits = data_encoding::HEXLOWER.encode(&Sha1::digest(body));
    HeaderValue::from_str(&format!("\"{digits}\"")).expect("hex digits and quotes are visible ASCII")
}

/// Whether an `If-None-Match` list names `tag` (RFC 9110, 13.1.2: weak comparison).
pub(crate) fn tag_matches(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let lists = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|list| list.to_str().ok());
    let mut given = lists.flat_map(|list| list.split(',')).map(str::trim);
    given.any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one).as_bytes() == tag.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_in_any_list_weak_or_strong() {
        let tag = entity_tag(b"{}\n");
        assert_eq!(tag.len(), 42);
        let text = tag.to_str().unwrap();
        for (given, found) in [
            (text.to_owned(), true),
            (format!("W/{text}"), true),
            (format!("\"other\", {text}"), true),
            ("*".to_owned(), true),
            ("\"other\"".to_owned(), false),
            (text.trim_matches('"').to_owned(), false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_str(&given).unwrap());
            assert_eq!(tag_matches(&headers, &tag), found, "{given}");
        }
    }
}
