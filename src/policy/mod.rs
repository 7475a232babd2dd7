//! IAM policy documents: parsed once, evaluated as often as need be. Pure: no store, no clock, no knowledge of which
//! policies somebody has or what an operation needs; who asks, for what and under which circumstances comes in with
//! the [`Request`].
//!
//! The language is that of the IAM User Guide
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html>): identity policies, session
//! policies and the trust policies of roles. A document that isn't understood to the last member is no policy:
//! [`Policy::parse`] reports every mistake in it, and nothing in it is passed over. Evaluation can't fail.
//!
//! Three rules keep values that come from outside (tags, names, ids) from widening what a policy says. A variable that
//! doesn't resolve matches nothing. What is put in the place of a variable is text to its last character: no wildcard
//! and no variable again, since a pattern is matched as a row of glyphs and never written out. And an explicit deny
//! wins, whatever else is there. What the documentation leaves open is decided against the request; the cases in
//! `tests/cases/decided.toml` say where.

mod action;
mod arn;
mod condition;
mod context;
mod document;
mod evaluate;
mod filled;
mod glob;
mod mistake;
mod place;
mod principal;
mod reading;
mod resource;
mod statement;
mod template;
#[cfg(test)]
mod tests;

pub use self::context::Context;
pub use self::document::{Kind, MAX_CHARACTERS, Policy};
pub use self::evaluate::{Decision, Request, evaluate, intersection};
pub use self::filled::{
    Filling, LITERAL_ESCAPE, LONGEST_RESOURCE, LONGEST_SESSION_POLICY, NotFilled, SessionTemplate,
    TemplateError,
};
pub use self::mistake::{Mistake, PolicyError};
pub use self::place::{Position, position_of};
pub use self::principal::Principal;
pub use self::statement::{Effect, Statement};
