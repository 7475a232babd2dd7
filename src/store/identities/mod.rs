//! Questions about identities, and the pure plan that answers them.

mod plan;
mod question;

pub use self::plan::{Loaded, Need, Plan, PlanStep, Write, answer, plan, run};
pub use self::question::{
    Answer, Delete, IdentityRefusal, Merge, Missing, PoolRef, PoolVersion, Question, Revoke,
    SignIn, Unlink,
};
