//! What goes out when a chain leaves nothing.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a record answers when its chain leaves no answer. Only fences can bring that about; a record without
/// any answer stays without one.
///
/// The rule acts once, after the last step: it does not run steps again or leave any out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnEmpty {
    /// Nothing: the reply is empty (NODATA).
    #[default]
    Nodata,
    /// All answers of the record, in their own order.
    All,
    /// The answers as they were before the step that left nothing.
    Previous,
}

impl OnEmpty {
    /// Every rule.
    pub const ALL: [Self; 3] = [Self::Nodata, Self::All, Self::Previous];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nodata => "nodata",
            Self::All => "all",
            Self::Previous => "previous",
        }
    }

    /// Finds a rule by its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.name() == name)
    }
}

impl fmt::Display for OnEmpty {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}
