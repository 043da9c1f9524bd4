//! What all fences share.
//!
//! 1. Tagged answers that match the requester stay; tagged ones that do not match go.
//! 2. Untagged answers stay, unless the `remove_no_…` option is on and at least one tagged answer matched.
//! 3. So when nothing matches only the untagged answers remain, whatever the option says: they are the
//!    fallback. Without any, the list is empty. A fence is the one kind of filter that may do that.
//!
//! A requester whose place, AS number or address says nothing matches nothing.

use super::Run;
use crate::column::{ListColumn, ListItem};
use crate::context::Mark;
use crate::trace::{Reason, Trace};

/// What becomes of untagged answers when a tagged one matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Untagged {
    Keep,
    Remove,
}

impl Untagged {
    pub(super) fn from_option(remove: bool) -> Self {
        if remove { Untagged::Remove } else { Untagged::Keep }
    }

    /// What an untagged answer's mark means, now that all marks are known.
    fn mark<T: Trace>(self, run: &Run<'_, '_, T>) -> Mark {
        match self {
            Untagged::Remove if run.has_mark(Mark::Keep) => Mark::Drop,
            Untagged::Remove | Untagged::Keep => Mark::Keep,
        }
    }

    /// Why an answer with this mark stays or goes.
    pub(super) fn reason<T: Trace>(self, run: &Run<'_, '_, T>, mark: Mark, matched: Reason) -> Reason {
        match (mark, self.mark(run)) {
            (Mark::Keep, _) => matched,
            (Mark::Drop, _) => Reason::NoMatch,
            (Mark::Untagged, Mark::Keep) => Reason::UntaggedKept,
            (Mark::Untagged, _) => Reason::UntaggedDropped,
        }
    }

    /// Removes what the marks say.
    pub(super) fn apply<T: Trace>(self, run: &mut Run<'_, '_, T>) {
        let untagged = self.mark(run);
        run.keep_marked(untagged);
    }
}

/// Whether any selected answer has a list in this column.
pub(super) fn any_tagged<T: Trace, I: ListItem>(run: &mut Run<'_, '_, T>, column: &ListColumn<I>) -> bool {
    !column.is_empty()
        && (0..run.selection.len()).any(|position| run.list(column, run.answer_at(position)).is_some())
}
