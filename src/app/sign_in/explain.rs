//! ExplainLogin: a dry run of GetId and GetCredentialsForIdentity that reports every check, the identity and the role.
//! The checks are those of the two operations; nothing is created, linked or issued.

use indexmap::IndexMap;

use super::logins::{self, PresentedTo, Proof, ProofError};
use super::{SignInError, tags};
use crate::app::Call;
use crate::app::credentials::assume_role::{EnhancedError, chosen_role};
use crate::app::identities::{self, id_in};
use crate::app::roles::choice::{NoRole, RoleChoice, choose};
use crate::credentials::SessionIdentity;
use crate::logins::report::{Finding, Report, ReportedCheck, error_chain};
use crate::model::identity::{Identity, Login};
use crate::model::ids::{IdentityId, RoleArn};
use crate::model::pool::Pool;
use crate::model::sign_in::{Asker, Decision, Known, Refusal, decide};
use crate::model::tags::Tags;
use crate::store::StoreError;

/// A check and its outcome.
#[derive(Debug)]
pub struct ExplainedCheck {
    /// The `Logins` key; `None` where the check was about all logins.
    pub login: Option<String>,
    /// The name of the check.
    pub name: &'static str,
    /// Whether it passed.
    pub passed: bool,
    /// What it found.
    pub found: String,
    /// What would have passed.
    pub wanted: String,
}

impl From<ReportedCheck> for ExplainedCheck {
    fn from(check: ReportedCheck) -> Self {
        Self {
            login: check.login,
            name: check.name,
            passed: check.passed,
            found: check.finding.found,
            wanted: check.finding.wanted,
        }
    }
}

/// The report of a login, and its result.
#[derive(Debug)]
pub struct Explanation {
    /// The checks in their order, up to the first that failed.
    pub checks: Vec<ExplainedCheck>,
    /// The identity of the login, if its checks passed.
    pub identity: Option<ExplainedIdentity>,
    /// The role of the login, if its checks passed.
    pub role: Option<RoleArn>,
    /// The refusal that the client would get.
    pub refusal: Option<LoginRefusal>,
}

/// The identity that GetId would answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExplainedIdentity {
    /// A new identity would be created.
    New,
    /// The login belongs to the identity with this id.
    Existing(IdentityId),
}

/// Why a login would be refused.
#[derive(Debug, thiserror::Error)]
pub enum LoginRefusal {
    /// GetId would refuse the login.
    #[error(transparent)]
    SignIn(#[from] SignInError),
    /// GetCredentialsForIdentity would find no role.
    #[error(transparent)]
    NoRole(#[from] NoRole),
}

/// Explains logins at `pool`, presented without an identity. An error is a failure of the store.
pub async fn explain(
    call: &Call<'_>,
    pool: &Pool,
    logins: &IndexMap<String, String>,
) -> Result<Explanation, StoreError> {
    let mut report = Report::enabled();
    let (mut identity, mut role) = (None, None);
    let outcome = dry_run(call, pool, logins, &mut report, &mut identity, &mut role).await;
    let refusal = match outcome {
        Ok(()) => None,
        Err(LoginRefusal::SignIn(
            SignInError::Store(error) | SignInError::Proof(ProofError::Store(error)),
        )) => return Err(error),
        Err(refusal) => Some(refusal),
    };
    Ok(Explanation {
        checks: report
            .into_checks()
            .into_iter()
            .map(ExplainedCheck::from)
            .collect(),
        identity,
        role,
        refusal,
    })
}

/// Makes all checks; `identity` and `role` are set when they are known, also if a later check fails.
async fn dry_run(
    call: &Call<'_>,
    pool: &Pool,
    logins: &IndexMap<String, String>,
    report: &mut Report,
    identity: &mut Option<ExplainedIdentity>,
    role: &mut Option<RoleArn>,
) -> Result<(), LoginRefusal> {
    let dry_run = true;
    let proofs = logins::check(call, pool, logins, PresentedTo::GetId, dry_run, report).await;
    let proofs = proofs.map_err(SignInError::from)?;
    report.about_all_logins();
    let found = owner(call, pool, &proofs).await;
    let found = report.add_outcome("identity", found, identity_finding)?;
    let uuid = match &found {
        ExplainedIdentity::Existing(id) => id.uuid,
        ExplainedIdentity::New => call.app.ambient.uuid(),
    };
    *identity = Some(found);
    let tags = tags(pool, &proofs).map_err(SignInError::from);
    let tags = report.add_outcome("tags", tags, tags_finding)?;
    let choice = choose(pool, &proofs, None);
    let choice =
        report.add_outcome("role", choice, |choice| role_finding(choice, pool, &proofs))?;
    let mut amr = vec!["authenticated".to_owned()];
    amr.extend(proofs.iter().flat_map(|proof| proof.amr.clone()));
    let session_identity = SessionIdentity {
        pool: pool.id.clone(),
        incarnation: pool.incarnation,
        identity: uuid,
        epoch: 0,
        amr,
        logins: Vec::new(),
    };
    check_trust(call, pool, &choice, &session_identity, &tags, report).await?;
    *role = Some(choice.role);
    Ok(())
}

/// The identity of the logins, as GetId would decide.
async fn owner(
    call: &Call<'_>,
    pool: &Pool,
    proofs: &[Proof],
) -> Result<ExplainedIdentity, SignInError> {
    let logins: Vec<&Login> = proofs.iter().map(|proof| &proof.login).collect();
    let mut owners: Vec<Identity> = Vec::new();
    for login in &logins {
        let owner = identities::owner(call, pool, login).await?;
        owners.extend(owner.filter(|owner| owners.iter().all(|other| other.id != owner.id)));
    }
    let known = Known {
        presented: None,
        owners: owners.iter().collect(),
    };
    match decide(Asker::User, &logins, &known) {
        Decision::Create => Ok(ExplainedIdentity::New),
        Decision::Found(id) | Decision::Join { into: id, .. } => {
            Ok(ExplainedIdentity::Existing(id_in(pool, id)))
        }
        Decision::Refuse(Refusal::DeveloperUserRegistered) => {
            Err(SignInError::DeveloperUserRegistered)
        }
        Decision::Refuse(Refusal::Revoked(id)) => Err(SignInError::Forbidden(id_in(pool, id))),
        Decision::Refuse(_) => Err(SignInError::Conflict),
    }
}

/// Checks the trust policy of the role that was chosen, where this server has it.
async fn check_trust(
    call: &Call<'_>,
    pool: &Pool,
    choice: &RoleChoice,
    session_identity: &SessionIdentity,
    tags: &Tags,
    report: &mut Report,
) -> Result<(), LoginRefusal> {
    let trusted = chosen_role(call, pool, choice, session_identity, tags, None).await;
    let trusted = trusted.map_err(|error| match error {
        EnhancedError::NoRole(error) => error.into(),
        EnhancedError::Store(error) => LoginRefusal::from(SignInError::from(error)),
    });
    let route = call.routes.of(&choice.role);
    report.add_outcome("trust", trusted, |trusted| {
        let found = match (trusted, route) {
            (Ok(_), Some(route)) => format!(
                "a role whose credentials route {} gets from {}, where the trust policy is checked",
                route.number,
                route.endpoint()
            ),
            (Ok(Some(_)), None) => {
                "a role of this server whose trust policy allows the identity".to_owned()
            }
            (Ok(None), None) => {
                "a role that this server doesn't have, and that the pool names".to_owned()
            }
            (Err(_), _) => {
                "a trust policy that doesn't allow the identity, or a role that only the token names"
                    .to_owned()
            }
        };
        Finding::new(found, "a role that may be issued to the identity")
    })?;
    Ok(())
}

fn identity_finding(identity: &Result<ExplainedIdentity, SignInError>) -> Finding {
    let found = match identity {
        Ok(ExplainedIdentity::New) => "a login of no identity yet".to_owned(),
        Ok(ExplainedIdentity::Existing(_)) => "a login of the identity below".to_owned(),
        Err(error) => error_chain(error),
    };
    Finding::new(found, "logins of one identity, or of no identity")
}

fn tags_finding(tags: &Result<Tags, SignInError>) -> Finding {
    let found = match tags {
        Ok(tags) if tags.is_empty() => "no tags".to_owned(),
        Ok(tags) => tags.keys().collect::<Vec<_>>().join(", "),
        Err(error) => error_chain(error),
    };
    Finding::new(found, "claims that can be tags of a session")
}

fn role_finding(choice: &Result<RoleChoice, NoRole>, pool: &Pool, proofs: &[Proof]) -> Finding {
    let found = choice
        .as_ref()
        .map_or_else(|error| error_chain(error), |choice| choice.role.to_string());
    let mut keys = proofs.iter().flat_map(|proof| &proof.keys);
    let mapped = keys.find(|key| pool.roles.mappings.contains_key(*key));
    let wanted = match mapped {
        Some(key) => format!("a role by the mapping of {key}"),
        None => "the pool's role for users, since no mapping is for these logins".to_owned(),
    };
    Finding::new(found, wanted)
}
