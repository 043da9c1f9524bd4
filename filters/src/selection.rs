//! The answers that are still in play, in order.

use crate::limits::MAX_ANSWERS;

/// An ordered list of answer indices.
///
/// One selection is made per worker and used for every query; after that it never allocates.
///
/// Invariants: no index appears twice; filters only reorder and remove.
#[derive(Debug)]
pub struct Selection {
    answers: Vec<u16>,
}

impl Default for Selection {
    fn default() -> Self {
        Self::new()
    }
}

impl Selection {
    /// An empty selection with room for [`MAX_ANSWERS`] answers.
    pub fn new() -> Self {
        Self { answers: Vec::with_capacity(MAX_ANSWERS) }
    }

    /// Starts anew with the first `count` answers in their own order; never more than [`MAX_ANSWERS`].
    pub fn reset(&mut self, count: usize) {
        let end = u16::try_from(count.min(MAX_ANSWERS)).unwrap_or(u16::MAX);
        self.answers.clear();
        self.answers.extend(0..end);
    }

    /// The selected answers in order.
    pub fn as_slice(&self) -> &[u16] {
        &self.answers
    }

    /// How many answers are selected.
    pub fn len(&self) -> usize {
        self.answers.len()
    }

    /// Whether nothing is selected.
    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// Keeps the first `count` answers.
    pub fn truncate(&mut self, count: usize) {
        self.answers.truncate(count);
    }

    /// Keeps the answers for which `keep` holds, in order.
    pub fn retain(&mut self, mut keep: impl FnMut(u16) -> bool) {
        self.answers.retain(|answer| keep(*answer));
    }

    /// The selected answers, for reordering.
    pub(crate) fn as_mut_slice(&mut self) -> &mut [u16] {
        &mut self.answers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_selection_holds_all_answers_in_order_and_never_too_many() {
        let mut selection = Selection::new();
        selection.reset(3);
        selection.retain(|answer| answer != 1);
        assert_eq!(selection.as_slice(), [0, 2]);
        selection.reset(MAX_ANSWERS + 1);
        assert_eq!(selection.len(), MAX_ANSWERS);
    }
}
