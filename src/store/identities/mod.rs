//! Questions about identities, and the pure plan that answers them.

mod loaded;
mod plan;
mod question;

pub use self::loaded::{Loaded, Need};
pub use self::plan::{Plan, PlanStep, Write, answer, plan, run};
pub use self::question::{
    Answer, Delete, IdentityEpoch, IdentityRefusal, Merge, Missing, PoolRef, PoolVersion, Question,
    Revoke, SignIn, Unlink,
};
