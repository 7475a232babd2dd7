//! A policy document as a whole; `statement` has its statements.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::diagnostics::{PolicyDiagnostics, PolicyError};
use super::elements::{JsonPath, object, only, short, text};
use super::statement::{Effect, Grammar, Statement};
use crate::model::json;

/// The most characters of any policy, whatever the caller's limit: the highest quota of IAM.
pub const MAX_CHARACTERS: usize = 10_240;

/// The most bytes of a document: the service model's longest document, with white space.
const MAX_BYTES: usize = 131_072;

/// The version of the language with variables.
const VARIABLES: &str = "2012-10-17";

/// The purpose of a policy, which decides its elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyKind {
    /// An identity policy: what a role permits. It has resources and no principal. ARNs may be incomplete.
    Identity,
    /// A session policy: it restricts a session. As [`PolicyKind::Identity`], with complete ARNs.
    Session,
    /// A trust policy: which principals may assume a role. It has principals and no resource.
    Trust,
}

/// A policy: a list of statements, each an allow or a deny. Only [`Policy::parse`] makes one, so it has every member of
/// its document. Its length bounds everything in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    statements: Vec<Statement>,
}

impl Policy {
    /// Parses a JSON document of at most `limit` characters, and never more than [`MAX_CHARACTERS`]. White space counts
    /// only in session policies
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
    ///
    /// The default `Version` is `2008-10-17`, in which `${…}` is literal text.
    pub fn parse(kind: PolicyKind, text: &[u8], limit: usize) -> Result<Self, PolicyError> {
        let limit = limit.min(MAX_CHARACTERS);
        if text.len() > MAX_BYTES || kind.characters(text) > limit {
            return Err(PolicyError::TooLong { limit });
        }
        let mut diagnostics = PolicyDiagnostics::default();
        let statements = match json::read(text) {
            Ok(value) => document(kind, &value, &mut diagnostics),
            Err(error) => {
                let message = format!("This policy contains invalid Json ({error})");
                diagnostics.note(&JsonPath::ROOT, message);
                None
            }
        };
        diagnostics.or(statements.map(|statements| Self { statements }))
    }

    /// Parses a document that is to be stored, or to bound a session. Unlike [`Policy::parse`], it refuses a statement that
    /// would let something through because this server can't know a condition key.
    pub fn parse_new(kind: PolicyKind, text: &[u8], limit: usize) -> Result<Self, PolicyError> {
        let policy = Self::parse(kind, text, limit)?;
        policy.check_keys()?;
        Ok(policy)
    }

    /// Refuses a statement that would let something through because this server can't know a condition key.
    pub fn check_keys(&self) -> Result<(), PolicyError> {
        let mut diagnostics = PolicyDiagnostics::default();
        let all = JsonPath::ROOT.member("Statement");
        for (index, statement) in self.statements.iter().enumerate() {
            let element = all.element(index);
            let path = if self.statements.len() == 1 {
                &JsonPath::ROOT
            } else {
                &element
            };
            for key in statement.unset_keys() {
                let key = short(key);
                diagnostics.note(path, match statement.effect() {
                    Effect::Allow => format!(
                        "This server never knows the condition key {key}, so this Allow would hold for every value: remove \
                         the condition, or use an operator that fails without the key, such as StringEquals."
                    ),
                    Effect::Deny => format!(
                        "This server never knows the condition key {key}, so this Deny would deny nothing: remove it, or \
                         use an operator that holds without the key, such as StringEqualsIfExists."
                    ),
                });
            }
        }
        diagnostics.or(Some(()))
    }

    /// The statements in the document's order; at least one.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }
}

impl PolicyKind {
    /// The number of characters that count.
    fn characters(self, text: &[u8]) -> usize {
        let begins = |byte: &&u8| **byte & 0xc0 != 0x80;
        let counts = |byte: &&u8| self == Self::Session || !byte.is_ascii_whitespace();
        text.iter().filter(begins).filter(counts).count()
    }
}

fn document(
    kind: PolicyKind,
    value: &Value,
    diagnostics: &mut PolicyDiagnostics,
) -> Option<Vec<Statement>> {
    let root = &JsonPath::ROOT;
    let members = object(value, "a policy", root, diagnostics)?;
    only(members, &["Version", "Id", "Statement"], root, diagnostics);
    let variables = has_variables(members, diagnostics);
    text(members, "Id", root, diagnostics);
    let Some(value) = members.get("Statement") else {
        diagnostics.note(root, "Missing required field Statement");
        return None;
    };
    let list = match value {
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    if list.is_empty() {
        diagnostics.note(root, "Could not parse the policy: Statement is empty!");
    }
    let grammar = Grammar { kind, variables };
    let all = root.member("Statement");
    let statements = list.iter().enumerate().map(|(index, value)| {
        let element = all.element(index);
        // The path of an only statement is empty.
        let path = if list.len() == 1 { root } else { &element };
        Statement::read(value, grammar, path, diagnostics)
    });
    let statements: Vec<_> = statements.collect();
    let mut sids = BTreeSet::new();
    for (index, statement) in statements.iter().enumerate() {
        let sid = statement.as_ref().and_then(Statement::sid);
        if sid.is_some_and(|sid| !sids.insert(sid)) {
            let message = "Statement IDs (SID) in a single policy must be unique.";
            diagnostics.note(&all.element(index), message);
        }
    }
    statements.into_iter().collect()
}

/// Reads the version; answers whether `${…}` is a variable.
fn has_variables(members: &Map<String, Value>, diagnostics: &mut PolicyDiagnostics) -> bool {
    let root = &JsonPath::ROOT;
    let version = text(members, "Version", root, diagnostics);
    if let Some(other) = version.filter(|version| !["2008-10-17", VARIABLES].contains(version)) {
        let other = short(other);
        let what = format_args!("the version is 2012-10-17 or 2008-10-17, not {other}");
        diagnostics.syntax(&root.member("Version"), what);
    }
    version == Some(VARIABLES)
}
