//! Stored policies that depend on condition keys that this server never knows. They were written before such policies were
//! refused: what they allow never holds, and what they deny always holds.

use crate::app::App;
use crate::policy::{Effect, MAX_CHARACTERS, Policy, PolicyKind};
use crate::store::StoreError;
use crate::store::catalog::Snapshot;

/// A statement of a stored policy, and a key that it depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsetKeyFinding {
    /// The policy and its owner: `policy NAME of role NAME`, or `managed policy NAME`.
    pub policy: String,
    /// The number of the statement in its policy, from 1.
    pub statement: usize,
    /// The condition key, in lower case.
    pub key: String,
    /// The effect of the statement.
    pub effect: Effect,
}

impl UnsetKeyFinding {
    /// The consequence, as a sentence without a full stop.
    pub fn consequence(&self) -> &'static str {
        match self.effect {
            Effect::Allow => "the statement allows nothing",
            Effect::Deny => "the statement denies whatever its other elements cover",
        }
    }
}

/// The findings about all stored policies of this server, in a stable order.
pub fn list(app: &App) -> Result<Vec<UnsetKeyFinding>, StoreError> {
    let snapshot = app.records.snapshot()?;
    Ok(find(&snapshot))
}

/// Logs the findings, once for each statement and key.
pub(in crate::app) fn log(snapshot: &Snapshot) {
    for finding in find(snapshot) {
        tracing::warn!(
            policy = %finding.policy,
            statement = finding.statement,
            key = %finding.key,
            "a stored policy depends on a condition key that this server never knows: {}",
            finding.consequence(),
        );
    }
}

fn find(snapshot: &Snapshot) -> Vec<UnsetKeyFinding> {
    let mut findings = Vec::new();
    for role in snapshot.roles() {
        let name = role.arn.name();
        let policy = format!("the trust policy of role {name}");
        add(&mut findings, &policy, PolicyKind::Trust, &role.trust);
        for (policy, text) in &role.policies {
            let policy = format!("policy {policy} of role {name}");
            add(&mut findings, &policy, PolicyKind::Identity, text);
        }
    }
    for managed in snapshot.managed_policies() {
        if let Some(text) = managed.document() {
            let policy = format!("managed policy {}", managed.arn.name());
            add(&mut findings, &policy, PolicyKind::Identity, text);
        }
    }
    for key in snapshot.access_keys() {
        let policy = format!("the policy of access key {}", key.name);
        add(&mut findings, &policy, PolicyKind::Identity, &key.policy);
    }
    findings
}

/// Adds the findings about one policy. Other reports are about a policy that can't be parsed.
fn add(findings: &mut Vec<UnsetKeyFinding>, name: &str, kind: PolicyKind, text: &str) {
    let Ok(policy) = Policy::parse(kind, text.as_bytes(), MAX_CHARACTERS) else {
        return;
    };
    for (index, statement) in policy.statements().iter().enumerate() {
        findings.extend(
            statement
                .unset_keys()
                .into_iter()
                .map(|key| UnsetKeyFinding {
                    policy: name.to_owned(),
                    statement: index + 1,
                    key: key.to_owned(),
                    effect: statement.effect(),
                }),
        );
    }
}
