//! The bound on the work of one evaluation. Patterns come from policies and texts from callers, and comparing them costs up
//! to the product of their lengths, for each pair.

use std::cell::Cell;
use std::ops::Deref;

use super::context::Context;
use super::glob::{Case, Glyph, walk};

/// The steps of one evaluation: about a millisecond.
const MOST_STEPS: usize = 500_000;

/// The condition keys of a request, and the steps that are left for comparing them with patterns.
#[derive(Debug)]
pub(super) struct BoundedContext<'c> {
    context: &'c Context,
    /// The steps that are left; `None` if more were needed.
    left: Cell<Option<usize>>,
}

impl Deref for BoundedContext<'_> {
    type Target = Context;

    fn deref(&self) -> &Context {
        self.context
    }
}

impl<'c> BoundedContext<'c> {
    /// The context with all steps left.
    pub(super) fn new(context: &'c Context) -> Self {
        Self {
            context,
            left: Cell::new(Some(MOST_STEPS)),
        }
    }

    /// Whether the whole of `text` matches `pattern`. Without enough steps it doesn't, and the evaluation is exhausted.
    pub(super) fn matches(&self, pattern: &[Glyph], text: &str, case: Case) -> bool {
        let (matched, steps) = walk(pattern, text, case, self.left.get().unwrap_or(0));
        self.spend(steps);
        matched && !self.is_exhausted()
    }

    /// Counts comparisons that cost a step each.
    pub(super) fn spend(&self, steps: usize) {
        let left = self.left.get().and_then(|left| left.checked_sub(steps));
        self.left.set(left);
    }

    /// Whether more steps were needed than there are. Then no comparison counts.
    pub(super) fn is_exhausted(&self) -> bool {
        self.left.get().is_none()
    }
}
