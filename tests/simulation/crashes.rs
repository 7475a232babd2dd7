//! Power cuts, faults of the disk, restarts, and the comparison of the store with the model.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cognate::ambient::Ambient;
use cognate::store::once::{Claim, ClaimOutcome};
use jiff::SignedDuration;

use super::audit;
use super::model::State;
use super::server::Core;
use super::simulation::Simulation;
use super::time;

/// How long a server may take to work again after its disk does.
const RECOVERY: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);

/// For how many milliseconds nothing is written once the tasks in the background have ended what they began.
const SETTLED: usize = 4;

impl Simulation<'_> {
    /// Makes the folder of the next incarnation, with a data directory without a store.
    pub(super) fn make_folder(&mut self) -> PathBuf {
        self.incarnation += 1;
        let next = self.incarnation.to_string();
        if self.incarnation > 1 {
            // The files of the incarnation before are only in the way.
            let _ = fs::remove_dir_all(&self.folder);
            self.folder.pop();
        }
        self.folder.push(next);
        let data = self.folder.join("data");
        let mut directory = fs::DirBuilder::new();
        let made = directory.recursive(true).mode(0o700).create(&data);
        made.expect("a data directory");
        for (name, bytes) in self.files {
            let is_store = name.starts_with("cognate.sqlite");
            if is_store && self.incarnation > 1 {
                continue;
            }
            let mut options = fs::OpenOptions::new();
            let file = options.write(true).create_new(true).mode(0o600);
            let file = file.open(data.join(name));
            file.and_then(|mut file| std::io::Write::write_all(&mut file, bytes))
                .expect("a file of a data directory");
        }
        data
    }

    pub(super) async fn open(&mut self) -> Result<(), String> {
        let opened = Core::open(&self.folder, &self.ambient, self.log_limit, self.bug).await;
        self.core = Some(Arc::new(opened?));
        self.settle().await;
        Ok(())
    }

    /// Lets the tasks in the background end what they have begun, so that it always comes before what follows.
    pub(super) async fn settle(&self) {
        let (mut calls, mut quiet) = (self.disk.calls(), 0);
        while quiet < SETTLED {
            time::wait(PAUSE / 20).await;
            quiet = if calls == self.disk.calls() {
                quiet + 1
            } else {
                0
            };
            calls = self.disk.calls();
        }
    }

    async fn close(&mut self) {
        if let Some(core) = self.core.take() {
            core.close().await;
        }
    }

    /// Ends the server where the power is gone, and starts it on what the disk kept.
    pub(super) async fn lose_power(&mut self) -> Result<(), String> {
        self.disk.cut();
        self.close().await;
        loop {
            self.counts.power_cuts += 1;
            let data = self.make_folder();
            self.disk.survive(&data, &mut self.random);
            self.disk.begin(&data);
            self.note("the power is back");
            if self.random.chance(1, 4) {
                self.disk.cut_in(self.random.below(40));
            }
            let opened = self.open().await;
            if !self.disk.is_cut() {
                self.disk.keep_power();
                opened.map_err(|error| format!("the server doesn't start: {error}"))?;
                break;
            }
            self.note("the power goes during the start");
            self.close().await;
        }
        self.fault = None;
        for state in std::mem::take(&mut self.in_doubt) {
            if !self.possible.contains(&state) {
                self.possible.push(state);
            }
        }
        self.audit().await
    }

    /// Stops the server in order, and starts it again.
    pub(super) async fn restart(&mut self) -> Result<(), String> {
        self.note("the server restarts");
        self.counts.restarts += 1;
        self.close().await;
        if self.disk.is_cut() {
            return self.lose_power().await;
        }
        match self.open().await {
            Err(_) if self.disk.is_cut() => self.lose_power().await,
            opened => opened.map_err(|error| format!("the server doesn't start: {error}")),
        }
    }

    /// Repairs the disk, and waits until the server stores something.
    pub(super) async fn recover(&mut self) -> Result<(), String> {
        if self.fault.take().is_none() {
            return Ok(());
        }
        self.note("the disk is repaired");
        self.disk.repair();
        let store = Arc::clone(&self.core().store);
        let mut waited = Duration::ZERO;
        loop {
            let claim = self.new_claim();
            match store.claim_once(&claim).await {
                Ok(_) => {
                    self.claims.push(claim);
                    break;
                }
                Err(_) if self.disk.is_cut() => return self.lose_power().await,
                Err(error) if waited > RECOVERY => {
                    return Err(format!("the server doesn't recover: {error:?}"));
                }
                Err(_) => {
                    time::wait(PAUSE).await;
                    waited += PAUSE;
                }
            }
        }
        // What failed before isn't on the disk: the log began anew.
        self.in_doubt.clear();
        self.audit().await
    }

    pub(super) fn new_claim(&mut self) -> Claim {
        let now = self.ambient.now_in_milliseconds();
        let mut key = [0; 32];
        self.random.fill(&mut key);
        Claim {
            purpose: "simulation",
            key,
            holder: "the first".to_owned(),
            issued: Some(now),
            until: now + SignedDuration::from_hours(24 * 365),
            now,
            dry_run: false,
        }
    }

    /// Claims something that counts once.
    pub(super) async fn claim(&mut self) -> Result<(), String> {
        let claim = self.new_claim();
        match self.core().store.claim_once(&claim).await {
            Ok(ClaimOutcome::Held) => self.claims.push(claim),
            Err(_) if self.may_fail() => {}
            other => return Err(format!("something new can't be claimed: {other:?}")),
        }
        Ok(())
    }

    /// Compares what is stored with the states that are possible. One is left.
    pub(super) async fn audit(&mut self) -> Result<(), String> {
        let store = Arc::clone(&self.core().store);
        let actual = audit::read(store.as_ref(), &self.issuers).await?;
        let named = self
            .possible
            .iter()
            .map(|state| audit::identify(state, &actual));
        let mut different = Vec::new();
        let mut same: Option<State> = None;
        for named in named {
            match named {
                Ok(state) => same = Some(state),
                Err(difference) => different.push(difference),
            }
        }
        let Some(state) = same else {
            let shortest = different.iter().min_by_key(|one| one.len());
            return Err(format!(
                "the store differs from the model: {}",
                shortest.map_or("there is no state", String::as_str)
            ));
        };
        self.possible = vec![state];
        for claim in &self.claims {
            let other = Claim {
                holder: "another".to_owned(),
                dry_run: true,
                ..claim.clone()
            };
            match store.claim_once(&other).await {
                Ok(ClaimOutcome::HeldByOther) => {}
                Err(_) if self.may_fail() => {}
                outcome => return Err(format!("a claim is lost: {outcome:?}")),
            }
        }
        Ok(())
    }
}
