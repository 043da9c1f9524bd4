//! Paths that the compatible API has and this server does not serve yet.
//!
//! A client that asks for one gets a clear sentence, and a status that tells "not here" (404: parts of the API that
//! belong to other products) from "not yet" (501), so that no tool takes a missing feature for a deleted object.

use axum::http::StatusCode;

use crate::error::ApiError;

/// What is known about the paths below a prefix.
struct Family {
    /// Segments of the path; `*` stands for any one. A path belongs to a family if it begins with these.
    prefix: &'static [&'static str],
    /// What the paths are about.
    subject: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    /// Part of this API, to be served by a later version.
    Later,
    /// Address management and its operation: another product that shares the API.
    OtherProduct,
}

const fn later(prefix: &'static [&'static str], subject: &'static str) -> Family {
    Family { prefix, subject, kind: Kind::Later }
}

const fn other(prefix: &'static [&'static str], subject: &'static str) -> Family {
    Family { prefix, subject, kind: Kind::OtherProduct }
}

/// In the order of the API reference; the first that fits is used.
const FAMILIES: &[Family] = &[
    later(&["v1", "views"], "DNS views"),
    later(&["v1", "config", "views"], "DNS views"),
    later(&["v1", "acls"], "access control lists"),
    later(&["v1", "monitoring"], "monitoring"),
    later(&["v1", "lists"], "notification lists"),
    later(&["v1", "notifytypes"], "notification lists"),
    other(&["v1", "stats", "leases"], "DHCP"),
    other(&["v1", "stats", "lps"], "DHCP"),
    later(&["v1", "pulsar"], "Pulsar"),
    later(&["v1", "datasets"], "datasets"),
    later(&["v1", "redirect"], "redirects"),
    later(&["v1", "alerting"], "alerts"),
    later(&["alerting", "v1"], "alerts"),
    other(&["v1", "ops"], "operation of containers"),
    other(&["v1", "activedirectory"], "Active Directory"),
    other(&["v1", "ipam"], "IP address management"),
    other(&["v1", "dhcp"], "DHCP"),
    other(&["v1", "gsstsig"], "GSS-TSIG"),
];

/// The answer to a path that no route serves.
pub(crate) fn answer(path: &str) -> ApiError {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let family = FAMILIES.iter().find(|family| begins_with(&segments, family.prefix));
    match family {
        Some(Family { subject, kind: Kind::Later, .. }) => ApiError::new(
            StatusCode::NOT_IMPLEMENTED,
            format!("{path} is not served yet ({subject}); it comes with a later version"),
        ),
        Some(Family { subject, kind: Kind::OtherProduct, .. }) => {
            ApiError::not_found(format!("{path} not found: this server does not include {subject}"))
        }
        None => ApiError::not_found(format!("{path} not found")),
    }
}

fn begins_with(segments: &[&str], prefix: &[&str]) -> bool {
    segments.len() >= prefix.len()
        && segments.iter().zip(prefix).all(|(segment, part)| *part == "*" || segment == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_the_reference_says_that_it_comes_later() {
        for (path, subject) in [
            ("/v1/monitoring/jobs", "monitoring"),
            ("/v1/lists", "notification lists"),
            ("/alerting/v1/alerts/1/test", "alerts"),
        ] {
            let error = answer(path);
            assert_eq!(error.status, StatusCode::NOT_IMPLEMENTED, "{path}");
            assert!(error.message.contains(subject), "{}", error.message);
        }
    }

    #[test]
    fn paths_of_other_products_and_unknown_paths_are_not_found() {
        for path in ["/v1/dhcp/scope", "/v1/ops/bootstrap", "/v1/monitoringjobs", "/v1", "/", "/x"] {
            let error = answer(path);
            assert_eq!(error.status, StatusCode::NOT_FOUND, "{path}");
            assert!(error.message.contains("not found"), "{}", error.message);
        }
    }
}
