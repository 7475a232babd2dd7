//! IAM policy documents: parse once, evaluate often. Pure: no store and no clock. The caller chooses the policies, and an
//! [`AccessRequest`] holds the principal, the action, the resource and the condition keys.
//!
//! The language is that of the IAM User Guide
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html>): identity policies, session
//! policies and the trust policies of roles. [`Policy::parse`] refuses a document with anything that it doesn't
//! understand, and reports every error. Evaluation can't fail.
//!
//! Three rules prevent outside values (tags, names, ids) from widening a policy. A variable that doesn't resolve matches
//! nothing. The value of a variable is literal text without wildcards or variables, because a pattern is a sequence of
//! glyphs and never expanded to a string. An explicit deny overrides every allow. Cases that the documentation leaves
//! open are decided against the request; `tests/cases/decided.toml` lists them.

mod action;
mod arn;
mod condition;
mod condition_keys;
mod context;
mod diagnostics;
mod document;
mod elements;
mod evaluate;
mod glob;
mod position;
mod principal;
mod resource;
mod session_template;
mod statement;
mod steps;
mod template;
#[cfg(test)]
mod tests;

pub use self::condition::ConditionValue;
pub use self::condition_keys::{KeyOwner, owner_of};
pub use self::context::{Context, OwnedKeys};
pub use self::diagnostics::{PolicyDiagnostic, PolicyError};
pub use self::document::{MAX_CHARACTERS, Policy, PolicyKind};
pub use self::evaluate::{AccessDecision, AccessRequest, evaluate, intersection};
pub use self::position::{Position, position_of};
pub use self::principal::Principal;
pub use self::session_template::{
    FillError, LITERAL_ESCAPE, LONGEST_RESOURCE, LONGEST_SESSION_POLICY, SessionTemplate,
    TemplateError, TemplateValues,
};
pub use self::statement::{Effect, Statement};
