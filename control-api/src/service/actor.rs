//! Who asks for a change.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::auth::guard::Demand;
use crate::auth::{Access, Right};

/// The kind of an [`Actor`], as the activity log spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActorKind {
    /// A person.
    User,
    /// A key of the API.
    ApiKey,
    /// The server itself: first start, demo data, imports from the command line.
    System,
}

/// Who asks for a change; the activity log names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// What kind of actor.
    pub kind: ActorKind,
    /// The id of a key, or a user's name.
    pub id: String,
    /// The name to show.
    pub name: String,
    /// What the actor may do and reach, as it was when the request came; in a change, as it is when that is made.
    pub access: Access,
    /// What the request was let in for; a change is made only if the actor may still do that.
    pub demand: Option<Arc<Demand>>,
    /// Where the request came from, if it came over the network.
    pub address: Option<IpAddr>,
    /// Whether requests of this actor may come from there.
    pub is_welcome_there: bool,
    /// The id of the secret that a key was used by.
    pub secret: String,
}

impl Actor {
    /// The server itself.
    pub fn system() -> Self {
        let (id, name) = ("system".to_owned(), "system".to_owned());
        Self {
            kind: ActorKind::System,
            id,
            name,
            access: Access::full(),
            demand: None,
            address: None,
            is_welcome_there: true,
            secret: String::new(),
        }
    }

    /// Whoever pushes to a source and knows no more than its id. It may do nothing else.
    pub(crate) fn sender() -> Self {
        let (id, name) = ("sender".to_owned(), "data source".to_owned());
        Self { id, name, access: Access::push_only(), ..Self::system() }
    }

    /// Whether the actor holds a right.
    pub fn may(&self, right: Right) -> bool {
        self.access.may(right)
    }

    /// Whether a zone may be seen, be it only for some of its records. Lists and searches leave out the others.
    pub fn may_view_zone(&self, zone: &str) -> bool {
        self.access.sees_zone(zone)
    }

    /// Whether a record may be seen; `rtype` is the type's name.
    pub fn may_view_record(&self, zone: &str, domain: &str, rtype: &str) -> bool {
        self.access.reaches_record(Right::ViewZones, zone, domain, rtype)
    }
}
