//! What sessions of the built-in STS may do.

use super::Config;
use super::sections::SummaryLine;
use super::source::Sources;
use super::source::setting::settings;

settings! {
    ADMINISTER_POOLS = "sessions.administer_pools" weakens_security();
}

/// What sessions of the built-in STS may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSettings {
    /// Whether sessions of signed-in users of a pool may administer pools, as far as their role allows it. Guests never
    /// may, and no user may call what amounts to impersonation.
    pub administer_pools: bool,
}

impl SessionSettings {
    /// The warning for every start; `None` with the default.
    pub(super) fn warning(&self) -> Option<String> {
        self.administer_pools.then(|| {
            format!(
                "{} is set: users who sign in at a pool may administer pools if their role allows it",
                ADMINISTER_POOLS.key
            )
        })
    }
}

pub(super) fn read(sources: &mut Sources<'_>) -> SessionSettings {
    SessionSettings {
        administer_pools: sources.switch(ADMINISTER_POOLS, false).or(false),
    }
}

pub(super) fn summary(config: &Config) -> Vec<SummaryLine> {
    let may = if config.sessions.administer_pools {
        "may administer pools, except guests"
    } else {
        "may call the STS only"
    };
    vec![("users' sessions", may.to_owned())]
}
