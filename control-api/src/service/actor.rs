//! Who asks for a change.

use serde::{Deserialize, Serialize};

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
}

impl Actor {
    /// The server itself.
    pub fn system() -> Self {
        Self { kind: ActorKind::System, id: "system".to_owned(), name: "system".to_owned() }
    }
}
