//! A policy document as a whole. Not what its statements say.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::mistake::{Mistakes, PolicyError};
use super::reading::{Place, object, only, short, text};
use super::statement::{Grammar, Statement};
use crate::model::json;

/// How many characters a policy may have at most, whatever the caller's limit: the highest quota of IAM.
pub const MAX_CHARACTERS: usize = 10_240;

/// How many bytes a text may have that is looked at at all: the service model's longest document, white space included.
const MAX_BYTES: usize = 131_072;

/// The version of the language that has variables.
const VARIABLES: &str = "2012-10-17";

/// What a policy is for; that decides which elements it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What a role permits. It names resources, and no principal: that is whoever has it. ARNs may be incomplete.
    Identity,
    /// What a session is narrowed to. As [`Kind::Identity`], but ARNs are complete.
    Session,
    /// Who may have a role. It names principals, and no resource: that is the role.
    Trust,
}

/// A policy: statements, of which any may allow or deny. Made by [`Policy::parse`] alone, so it means what its text
/// says, to the last member. Its length bounds everything in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    statements: Vec<Statement>,
}

impl Policy {
    /// Reads a document, the bytes of a JSON text. It may have `limit` characters, and never more than
    /// [`MAX_CHARACTERS`]; white space counts only in session policies
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
    ///
    /// Without a `Version` it is `2008-10-17`, in which `${…}` is plain text.
    pub fn parse(kind: Kind, text: &[u8], limit: usize) -> Result<Self, PolicyError> {
        let limit = limit.min(MAX_CHARACTERS);
        if text.len() > MAX_BYTES || kind.characters(text) > limit {
            return Err(PolicyError::TooLong { limit });
        }
        let mut mistakes = Mistakes::default();
        let statements = match json::read(text) {
            Ok(value) => document(kind, &value, &mut mistakes),
            Err(error) => {
                let message = format!("This policy contains invalid Json ({error})");
                mistakes.note(&Place::ROOT, message);
                None
            }
        };
        mistakes.or(statements.map(|statements| Self { statements }))
    }

    /// The statements, in the order of the document; never none.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }
}

impl Kind {
    /// How many characters of a text count.
    fn characters(self, text: &[u8]) -> usize {
        let begins = |byte: &&u8| **byte & 0xc0 != 0x80;
        let counts = |byte: &&u8| self == Self::Session || !byte.is_ascii_whitespace();
        text.iter().filter(begins).filter(counts).count()
    }
}

fn document(kind: Kind, value: &Value, mistakes: &mut Mistakes) -> Option<Vec<Statement>> {
    let root = &Place::ROOT;
    let members = object(value, "a policy", root, mistakes)?;
    only(members, &["Version", "Id", "Statement"], root, mistakes);
    let variables = has_variables(members, mistakes);
    text(members, "Id", root, mistakes);
    let Some(value) = members.get("Statement") else {
        mistakes.note(root, "Missing required field Statement");
        return None;
    };
    let list = match value {
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    if list.is_empty() {
        mistakes.note(root, "Could not parse the policy: Statement is empty!");
    }
    let grammar = Grammar { kind, variables };
    let all = root.member("Statement");
    let statements = list.iter().enumerate().map(|(index, value)| {
        let element = all.element(index);
        // Of the only statement it needn't be said which one it is.
        let place = if list.len() == 1 { root } else { &element };
        Statement::read(value, grammar, place, mistakes)
    });
    let statements: Vec<_> = statements.collect();
    let mut sids = BTreeSet::new();
    for (index, statement) in statements.iter().enumerate() {
        let sid = statement.as_ref().and_then(Statement::sid);
        if sid.is_some_and(|sid| !sids.insert(sid)) {
            let message = "Statement IDs (SID) in a single policy must be unique.";
            mistakes.note(&all.element(index), message);
        }
    }
    statements.into_iter().collect()
}

/// Reads the version, on which it depends whether `${…}` is a variable.
fn has_variables(members: &Map<String, Value>, mistakes: &mut Mistakes) -> bool {
    let root = &Place::ROOT;
    let version = text(members, "Version", root, mistakes);
    if let Some(other) = version.filter(|version| !["2008-10-17", VARIABLES].contains(version)) {
        let other = short(other);
        let what = format_args!("the version is 2012-10-17 or 2008-10-17, not {other}");
        mistakes.syntax(&root.member("Version"), what);
    }
    version == Some(VARIABLES)
}
