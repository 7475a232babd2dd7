//! The processes that run the seeds: each is this program again, with the library of the simulated disk before the system's.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};

use cognate::ambient::Ambient;
use tempfile::TempDir;

use super::bugs::Bug;
use super::counts::Counts;
use super::disk::Disk;
use super::random::Random;
use super::server::{Core, SeededAmbient};
use super::simulation::{Files, Simulation};
use super::time;

const DISK: &str = "SIMULATION_DISK";
/// A file with the seed of a violation: later seeds needn't run.
const STOP: &str = "SIMULATION_STOP";
const SEEDS: &str = "SIMULATION_WORKER";

/// What ends the line of a worker that reports a violation.
const VIOLATED: &str = "violated by seed ";

/// What begins the line of a worker that reports what happened.
const COUNTED: &str = "counted ";

/// A violation.
pub struct Violation {
    pub seed: u64,
    pub report: String,
}

/// Runs `count` seeds from `first` on, spread over processes.
pub fn run(first: u64, count: u64, bug: Option<(Bug, &str)>) -> Result<String, Violation> {
    let processes = std::thread::available_parallelism().map_or(2, |number| number.get() as u64);
    let processes = processes.min(count);
    let common = new_folder();
    let stop = common.path().join("stop");
    let mut workers: Vec<(Child, TempDir)> = (0..processes)
        .map(|at| {
            let seeds = format!("{} {processes} {}", first + at, first + count);
            start(&seeds, bug.map_or("", |(_, name)| name), &stop)
        })
        .collect();
    let outputs: Vec<_> = workers
        .iter_mut()
        .map(|(worker, _)| worker.stdout.take().expect("an output"))
        .map(|output| std::thread::spawn(move || read(BufReader::new(output))))
        .collect();
    let (mut violations, mut all, mut printed) = (Vec::new(), Counts::default(), String::new());
    for (output, (mut worker, _folder)) in outputs.into_iter().zip(workers) {
        let (text, violated) = output.join().expect("a reader");
        let status = worker.wait().expect("a worker");
        let counted = text.lines().find_map(|line| line.strip_prefix(COUNTED));
        match (violated, counted.and_then(Counts::parse)) {
            (Some(seed), _) => violations.push(Violation { seed, report: text }),
            (None, Some(counts)) if status.success() => {
                all.add(counts);
                printed = text;
            }
            _ => panic!("a worker of the simulation ended with {status}:\n{text}"),
        }
    }
    match violations.into_iter().min_by_key(|one| one.seed) {
        Some(first) => Err(first),
        None if count == 1 => Ok(printed),
        None => Ok(all.to_string()),
    }
}

/// Reads what a worker prints; the seed of a violation.
fn read(output: impl BufRead) -> (String, Option<u64>) {
    let (mut text, mut seed) = (String::new(), None);
    for line in output.lines() {
        let line = line.expect("a line");
        if let Some((_, number)) = line.split_once(VIOLATED) {
            seed = number.parse().ok();
            break;
        }
        text.push_str(&line);
        text.push('\n');
    }
    (text, seed)
}

fn start(seeds: &str, bug: &str, stop: &Path) -> (Child, TempDir) {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    let library = LIBRARY.get_or_init(compile);
    let folder = new_folder();
    Disk::make(folder.path());
    let program = std::env::current_exe().expect("this program");
    let worker = Command::new(program)
        .args(["--ignored", "--exact", "worker", "--nocapture"])
        .env("LD_PRELOAD", library)
        .env(DISK, folder.path())
        .env(STOP, stop)
        .env(SEEDS, format!("{seeds} {bug}"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("a worker");
    (worker, folder)
}

/// A folder in memory where there is such a file system: nothing in it must outlive the test.
fn new_folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let folder = tempfile::Builder::new()
        .prefix("cognate-simulation-")
        .clone();
    let made = if memory.is_dir() {
        folder.tempdir_in(memory)
    } else {
        folder.tempdir()
    };
    made.expect("a folder")
}

fn compile() -> PathBuf {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/simulation/disk.c");
    let library = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("simulated_disk.so");
    // Another process may use the library meanwhile.
    let new = library.with_extension(std::process::id().to_string());
    let compiled = Command::new("cc")
        .args([
            "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o",
        ])
        .arg(&new)
        .args([source, "-ldl"])
        .status();
    assert!(
        compiled.expect("a C compiler").success(),
        "{source} doesn't compile"
    );
    fs::rename(&new, &library).expect("a library");
    library
}

/// The work of one process.
pub fn work() {
    let seeds = super::variable(SEEDS).expect("this test is run by the others");
    let folder = PathBuf::from(super::variable(DISK).expect("a folder"));
    let violated = PathBuf::from(super::variable(STOP).expect("a file"));
    let mut words = seeds.split(' ');
    let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
    let (first, step, end) = (number(), number(), number());
    let (first, step, end) = (first.unwrap_or(0), step.unwrap_or(1), end.unwrap_or(0));
    let bug = words.next().and_then(Bug::parse);
    cognate::cli::install_crypto();
    let mut disk = Disk::open(&folder);
    let files = new_data_directory(&folder, &mut disk);
    let mut counts = Counts::default();
    for seed in (first..end).step_by(usize::try_from(step).expect("a small number")) {
        let found = fs::read_to_string(&violated).ok();
        if found.is_some_and(|found| found.parse().is_ok_and(|found: u64| found < seed)) {
            break;
        }
        let work = folder.join(format!("seed-{seed}"));
        let mut disk_of_seed = Disk::open(&folder);
        if bug == Some(Bug::LyingDisk) {
            disk_of_seed.lie();
        }
        let simulation = Simulation::run(
            (seed, end - first == 1),
            bug,
            &work,
            &mut disk_of_seed,
            &files,
        );
        let ran = time::run(simulation);
        match ran {
            Ok(counted) => counts.add(counted),
            Err(report) => {
                fs::write(&violated, seed.to_string()).expect("a file");
                println!("{report}\n{VIOLATED}{seed}");
                std::process::exit(1);
            }
        }
        fs::remove_dir_all(&work).expect("a folder of a seed");
    }
    println!("{COUNTED}{counts}");
}

/// A data directory that has been opened once. Making the keys in it takes long, so that all seeds of a process share them.
fn new_data_directory(folder: &Path, disk: &mut Disk) -> Files {
    let folder = folder.join("new");
    let data = folder.join("data");
    fs::create_dir_all(&data).expect("a data directory");
    disk.begin(&data);
    let ambient = Arc::new(SeededAmbient::new(Random::new(0)));
    let _ = ambient.uuid();
    time::run(async {
        let core = Core::open(&folder, &ambient, 1 << 30, None).await;
        core.expect("a server that starts").close().await;
    });
    let entries = fs::read_dir(&data).expect("a data directory");
    let files = entries.map(|entry| {
        let entry = entry.expect("a file");
        let name = entry.file_name().into_string().expect("a name");
        (name, fs::read(entry.path()).expect("its bytes"))
    });
    files.filter(|(name, _)| name != "lock").collect()
}
