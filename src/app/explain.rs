//! A login explained: the checks that GetId and GetCredentialsForIdentity make, by the code that makes them, and what
//! would come of it. Nothing is made, linked or given.

use indexmap::IndexMap;

use super::Call;
use super::credentials::assume_role::{EnhancedError, chosen_role};
use super::identities::{self, id_in};
use super::proofs::{Place, Proof, ProofError};
use super::roles::choice::{NoRole, choose};
use super::sign_in::{SignInError, tags};
use crate::credentials::SessionIdentity;
use crate::logins::{Checked, Trail, Watch, What, reasons};
use crate::model::identity::{Identity, Login};
use crate::model::ids::{IdentityId, RoleArn};
use crate::model::pool::Pool;
use crate::model::sign_in::{Asker, Decision, Known, Refusal, decide};
use crate::store::StoreError;

/// What would come of a login.
#[derive(Debug)]
pub struct Explanation {
    /// The checks, in their order, up to the first that didn't pass.
    pub checks: Vec<Checked>,
    /// Whose login it is, as far as the checks come.
    pub who: Option<Who>,
    /// The role that it would get.
    pub role: Option<RoleArn>,
    /// What the client would be told, where it would be refused.
    pub refusal: Option<Refused>,
}

/// Whose login it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Nobody's yet: an identity would be made.
    New,
    /// This identity's.
    Known(IdentityId),
}

/// Why a login would be refused.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is no good, or not for an identity of its own.
    #[error(transparent)]
    SignIn(#[from] SignInError),
    /// It gets no role.
    #[error(transparent)]
    NoRole(#[from] NoRole),
}

impl Call<'_> {
    /// Explains logins at `pool`, shown without an identity. An error is the store's, which can't say.
    pub async fn explain(
        &self,
        pool: &Pool,
        logins: &IndexMap<String, String>,
    ) -> Result<Explanation, StoreError> {
        let mut trail = Trail::default();
        let (mut who, mut role) = (None, None);
        let outcome = self
            .explained(pool, logins, &mut trail, &mut who, &mut role)
            .await;
        let refusal = match outcome {
            Ok(()) => None,
            Err(Refused::SignIn(
                SignInError::Store(error) | SignInError::Proof(ProofError::Store(error)),
            )) => return Err(error),
            Err(refused) => Some(refused),
        };
        Ok(Explanation {
            checks: trail.into_checks(),
            who,
            role,
            refusal,
        })
    }

    async fn explained(
        &self,
        pool: &Pool,
        logins: &IndexMap<String, String>,
        trail: &mut Trail,
        who: &mut Option<Who>,
        role: &mut Option<RoleArn>,
    ) -> Result<(), Refused> {
        let proofs = self.proofs_watched(pool, logins, Place::GetId, trail).await;
        let proofs = proofs.map_err(SignInError::from)?;
        trail.of_all();
        let owner = self.owner_of(pool, &proofs).await;
        *who = Some(trail.made("identity", owner, |owner| {
            let found = match owner {
                Ok(Who::New) => "nobody's login yet".to_owned(),
                Ok(Who::Known(_)) => "a login of the identity below".to_owned(),
                Err(error) => reasons(error),
            };
            What::new(found, "logins of one identity, or of none")
        })?);
        let found = tags(pool, &proofs).map_err(SignInError::from);
        let tags = trail.made("tags", found, |tags| {
            let found = match tags {
                Ok(tags) if tags.is_empty() => "none".to_owned(),
                Ok(tags) => tags.keys().cloned().collect::<Vec<_>>().join(", "),
                Err(error) => reasons(error),
            };
            What::new(found, "claims that can be tags of a session")
        })?;
        let chosen = choose(pool, &proofs, None);
        let choice = trail.made("role", chosen, |choice| {
            let found = choice
                .as_ref()
                .map_or_else(|it| reasons(it), |choice| choice.role.to_string());
            let keys: Vec<&String> = proofs.iter().flat_map(|proof| &proof.keys).collect();
            let mapped = keys
                .iter()
                .find(|key| pool.roles.mappings.contains_key(**key));
            let wanted = match mapped {
                Some(key) => format!("a role by the mapping of {key}"),
                None => {
                    "the pool's role for users, since no mapping is for these logins".to_owned()
                }
            };
            What::new(found, wanted)
        })?;
        let mut amr = vec!["authenticated".to_owned()];
        amr.extend(proofs.iter().flat_map(|proof| proof.amr.clone()));
        let whose = SessionIdentity {
            pool: pool.id.clone(),
            identity: match who {
                Some(Who::Known(id)) => id.uuid,
                _ => self.app.ambient.uuid(),
            },
            epoch: 0,
            amr,
        };
        let given = chosen_role(self, &choice, &whose, &tags).await;
        let given = given.map_err(|error| match error {
            EnhancedError::NoRole(error) => error.into(),
            EnhancedError::Store(error) => Refused::from(SignInError::from(error)),
        });
        let route = self.app.routes.of(&choice.role);
        trail.made("trust", given, |given| {
            let found = match (given, route) {
                (Ok(_), Some(route)) => format!(
                    "a role that route {} has from {}, where its trust policy decides",
                    route.number,
                    route.endpoint()
                ),
                (Ok(Some(_)), None) => {
                    "a role of this server whose trust policy lets the identity in".to_owned()
                }
                (Ok(None), None) => {
                    "a role that this server doesn't know, and that the pool names".to_owned()
                }
                (Err(_), _) => {
                    "a trust policy that doesn't, or a role that only the token names".to_owned()
                }
            };
            What::new(found, "a role that may be given to the identity")
        })?;
        *role = Some(choice.role);
        Ok(())
    }

    /// Whose the logins are, as GetId would decide.
    async fn owner_of(&self, pool: &Pool, proofs: &[Proof]) -> Result<Who, SignInError> {
        let logins: Vec<Login> = proofs.iter().map(|proof| proof.login.clone()).collect();
        let mut owners: Vec<Identity> = Vec::new();
        for login in &logins {
            let owner = identities::owner(self, pool, login).await?;
            owners.extend(owner.filter(|owner| owners.iter().all(|other| other.id != owner.id)));
        }
        let known = Known {
            presented: None,
            owners,
        };
        match decide(Asker::User, &logins, &known) {
            Decision::Create => Ok(Who::New),
            Decision::Found(id) | Decision::Join { into: id, .. } => {
                Ok(Who::Known(id_in(pool, id)))
            }
            Decision::Refuse(Refusal::DeveloperUserRegistered) => {
                Err(SignInError::DeveloperUserRegistered)
            }
            Decision::Refuse(Refusal::Revoked(id)) => Err(SignInError::Forbidden(id_in(pool, id))),
            Decision::Refuse(_) => Err(SignInError::Conflict),
        }
    }
}
