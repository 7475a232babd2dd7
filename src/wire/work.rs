//! The permits for work, by class of caller. A call enters a signed class only after its signature was verified, so that
//! other clients can't use up the permits of keys and sessions.

use crate::app::Caller;
use crate::permits::Permits;

/// The permits of each class. One client gets half of them at most.
const PERMITS: usize = 2048;

/// The permits of all classes.
pub(super) struct WorkPermits {
    unauthenticated: Permits,
    identities: Permits,
    sessions: Permits,
    access_keys: Permits,
    root: Permits,
}

impl WorkPermits {
    pub(super) fn new() -> Self {
        let permits = |name| Permits::new(name, PERMITS);
        Self {
            unauthenticated: permits("calls without a signature"),
            identities: permits("calls of identities"),
            sessions: permits("calls of sessions"),
            access_keys: permits("calls of access keys"),
            root: permits("calls of the root key"),
        }
    }

    /// Measures how many permits of each class are in use.
    pub(super) fn measure(&self) {
        let signed = [&self.identities, &self.sessions, &self.access_keys];
        for permits in [&self.unauthenticated, &self.root]
            .into_iter()
            .chain(signed)
        {
            permits.measure();
        }
    }

    /// The permits for calls with this verified signature; `None` is a call without one.
    pub(super) fn class(&self, caller: Option<&Caller>) -> &Permits {
        match caller {
            None => &self.unauthenticated,
            Some(Caller::Session(session)) if session.identity().is_some() => &self.identities,
            Some(Caller::Session(_)) => &self.sessions,
            Some(Caller::AccessKey(_)) => &self.access_keys,
            Some(Caller::Root(_)) => &self.root,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permits::shares::ClientNetwork;

    #[tokio::test(start_paused = true)]
    async fn calls_without_a_signature_leave_the_permits_of_the_root_key() {
        let work = WorkPermits::new();
        let client = |last: u8| ClientNetwork::new([192, 0, 2, last].into());
        let mut attackers = tokio::task::JoinSet::new();
        for at in 0..10 * PERMITS {
            let permits = work.class(None).clone();
            let client = client(u8::try_from(at % 250).unwrap());
            attackers.spawn(async move { permits.run(client, std::future::pending::<()>()).await });
        }
        // The time goes on after all of them have run.
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        let root = Caller::Root("AKIAEXAMPLE".to_owned());
        let served = work.class(Some(&root)).run(client(255), async {}).await;
        assert!(served.is_some());
        assert!(work.class(None).run(client(1), async {}).await.is_none());
        let new = work.class(None).run(client(255), async {}).await;
        assert!(new.is_some(), "a new client has a share");
    }
}
