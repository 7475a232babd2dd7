//! One simulation: a seed decides about everything that happens.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cognate::store::once::Claim;

use super::bugs::Bug;
use super::clients::Clients;
use super::counts::Counts;
use super::disk::{Disk, Failing};
use super::habits::Habits;
use super::issuers::{Conduct, LoginIssuer};
use super::model::State;
use super::random::Random;
use super::server::{Core, Credentials, SeededAmbient};
use super::step::Request;

/// How often the tasks in the background look for work.
const POLL: Duration = Duration::from_millis(500);

/// How many steps a report shows.
const TRACE: usize = 40;

/// The files of a new data directory, except those of the store.
pub type Files = Vec<(String, Vec<u8>)>;

pub struct Simulation<'d> {
    pub(super) random: Random,
    pub(super) ambient: Arc<SeededAmbient>,
    pub(super) disk: &'d mut Disk,
    pub(super) files: &'d Files,
    /// The folder of the present incarnation, and how many there were.
    pub(super) folder: PathBuf,
    pub(super) incarnation: usize,
    pub(super) bug: Option<Bug>,
    pub(super) log_limit: u64,
    pub(super) core: Option<Arc<Core>>,
    pub(super) issuers: Vec<LoginIssuer>,
    pub(super) clients: Clients,
    pub(super) habits: Habits,
    /// The states that the server may be in.
    pub(super) possible: Vec<State>,
    /// The ids that clients know, in the order in which they came to know them.
    pub(super) known: Vec<String>,
    /// States that a power cut may show: with changes that failed on their way to the disk.
    pub(super) in_doubt: Vec<State>,
    /// How the disk fails, and for how many rounds.
    pub(super) fault: Option<(Failing, usize)>,
    /// What was claimed once.
    pub(super) claims: Vec<Claim>,
    pub(super) counts: Counts,
    trace: VecDeque<String>,
    /// Whether this is the only seed, so that everything is printed.
    is_alone: bool,
    /// The hash of all that was noted: equal where a seed repeats itself.
    hash: DefaultHasher,
}

impl<'d> Simulation<'d> {
    /// Runs the simulation of a seed in `folder`; what was violated otherwise, with the last steps.
    pub async fn run(
        (seed, is_alone): (u64, bool),
        bug: Option<Bug>,
        folder: &Path,
        disk: &'d mut Disk,
        files: &'d Files,
    ) -> Result<Counts, String> {
        let mut random = Random::new(seed);
        let ambient = Arc::new(SeededAmbient::new(random.fork()));
        let log_limit = *random.pick(&[1 << 30, 1 << 18, 1 << 16]).unwrap_or(&0);
        let mut simulation = Self {
            habits: Habits::new(&mut random),
            random,
            ambient,
            disk,
            files,
            folder: folder.to_owned(),
            incarnation: 0,
            bug,
            log_limit,
            core: None,
            issuers: vec![LoginIssuer::new().await, LoginIssuer::new().await],
            clients: Clients::default(),
            possible: Vec::new(),
            known: Vec::new(),
            in_doubt: Vec::new(),
            fault: None,
            claims: Vec::new(),
            counts: Counts::default(),
            trace: VecDeque::new(),
            is_alone,
            hash: DefaultHasher::new(),
        };
        let ran = simulation.live().await;
        if let Some(core) = simulation.core.take() {
            core.close().await;
        }
        ran.map_err(|violated| {
            let steps = Vec::from(if is_alone {
                VecDeque::new()
            } else {
                simulation.trace
            });
            format!("{}\n{violated}", steps.join("\n"))
        })?;
        simulation.counts.seeds = 1;
        simulation.counts.hash = simulation.hash.finish();
        Ok(simulation.counts)
    }

    pub(super) fn now(&self) -> i64 {
        self.ambient.milliseconds()
    }

    pub(super) fn core(&self) -> Arc<Core> {
        Arc::clone(self.core.as_ref().expect("a running server"))
    }

    /// Notes the ids of identities that were shown, and of those that the store has.
    pub(super) fn learn(&mut self, shown: Vec<String>) {
        let stored = &self.possible[0].identities;
        let stored = stored.keys().filter(|id| !id.starts_with('?'));
        for id in shown.into_iter().chain(stored.cloned().collect::<Vec<_>>()) {
            if !self.known.contains(&id) {
                self.known.push(id);
            }
        }
    }

    /// Whether the server may fail, because its disk does.
    pub(super) fn may_fail(&self) -> bool {
        self.disk.is_cut() || self.fault.is_some_and(|(fault, _)| fault.is_an_error())
    }

    pub(super) fn note(&mut self, event: &str) {
        if self.trace.len() == TRACE {
            self.trace.pop_front();
        }
        let seconds = (self.now() - super::beginning().as_millisecond()) / 1000;
        event.hash(&mut self.hash);
        let line = format!("{seconds:>7} s  {event}");
        if self.is_alone {
            println!("{line}");
        }
        self.trace.push_back(line);
    }

    async fn live(&mut self) -> Result<(), String> {
        self.begin().await?;
        for _ in 0..self.habits.rounds {
            self.ambient.advance(1000);
            self.happen().await?;
            self.batch().await?;
            if self.disk.is_cut() {
                self.lose_power().await?;
            }
            match &mut self.fault {
                Some((_, 0)) => self.recover().await?,
                Some((_, left)) => *left -= 1,
                None => {}
            }
        }
        self.recover().await?;
        self.audit().await?;
        self.disk.cut();
        self.lose_power().await
    }

    /// Opens the server on new files, and makes what every simulation begins with.
    async fn begin(&mut self) -> Result<(), String> {
        let data = self.make_folder();
        self.disk.begin(&data);
        self.open().await?;
        let core = self.core();
        let root = Credentials::root();
        for issuer in &self.issuers {
            let register = [
                ("Action", "CreateOpenIDConnectProvider"),
                ("Version", "2010-05-08"),
                ("Url", issuer.url()),
                ("ClientIDList.member.1", super::issuers::CLIENT),
            ];
            let (status, text) = core.query("iam", &register, Some(&root)).await;
            let arn = text.split("<OpenIDConnectProviderArn>").nth(1);
            let arn = arn.and_then(|rest| rest.split('<').next());
            let arn = arn.ok_or_else(|| format!("no registration: {status} {text}"))?;
            self.clients.registrations.push(arn.to_owned());
        }
        self.possible = vec![super::audit::read(core.store.as_ref(), &self.issuers).await?];
        for pool in 0..2 {
            let has_roles = true;
            self.alone(Request::CreatePool { pool }).await?;
            self.alone(Request::SetRoles { pool, has_roles }).await?;
        }
        Ok(())
    }

    /// Lets something happen beside the requests of clients, in some cases.
    async fn happen(&mut self) -> Result<(), String> {
        let now = self.now();
        if self.clients.key_sets.are_old(now) || self.random.chance(1, 12) {
            let core = self.core();
            self.clients.key_sets.fetch(&core, now).await?;
        }
        if self.random.chance(1, 25) {
            let most = *self.random.pick(&[400, 400, 4000, 20_000]).unwrap_or(&0);
            let seconds = self.random.below(most);
            self.note(&format!("{seconds} seconds pass"));
            self.ambient
                .advance(i64::try_from(seconds).expect("a small number") * 1000);
        }
        if self.random.chance(self.habits.issuer_events, 100) {
            self.change_issuer();
        }
        if self.random.chance(1, 20) {
            self.claim().await?;
        }
        if self.random.chance(1, 15) {
            // The server looks for changes of records and for work.
            tokio::time::advance(POLL).await;
            self.settle().await;
        }
        if self.random.chance(1, 20) && self.fault.is_none() {
            self.audit().await?;
        }
        if self.random.chance(self.habits.power_cuts, 100) {
            let calls = self.random.below(30);
            self.note(&format!("the power goes after {calls} calls"));
            self.disk.cut_in(calls);
        }
        if self.fault.is_none() && self.random.chance(self.habits.faults, 100) {
            let which = *self.random.pick(&Failing::ALL).unwrap_or(&Failing::SHORT);
            let calls = 1 + self.random.below(4);
            let calls = Some(calls).filter(|_| self.random.chance(2, 3));
            self.note(&format!("the disk fails: {which:?}, {calls:?} calls"));
            self.counts.faults += 1;
            self.disk.fail(which, calls);
            self.fault = Some((which, self.random.below(5)));
        }
        if self.fault.is_none() && self.random.chance(self.habits.restarts, 100) {
            self.restart().await?;
        }
        Ok(())
    }

    fn change_issuer(&mut self) {
        let (number, now) = (self.random.below(2), self.now());
        let conducts = [
            Conduct::Away,
            Conduct::Garbage,
            Conduct::Empty,
            Conduct::ForeignKey,
        ];
        let conduct = *self.random.pick(&conducts).unwrap_or(&Conduct::Away);
        let is_honest = self.issuers[number].conduct() == Conduct::Honest;
        let event = if !is_honest {
            self.issuers[number].behave(Conduct::Honest, now);
            "is honest again".to_owned()
        } else if self.random.chance(1, 2) {
            self.issuers[number].rotate(now);
            "rotates its key".to_owned()
        } else {
            self.issuers[number].behave(conduct, now);
            format!("answers as {conduct:?}")
        };
        self.note(&format!("issuer {number} {event}"));
    }
}
