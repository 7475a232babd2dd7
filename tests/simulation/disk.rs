//! The disk below the store: the library of `disk.c`, its switches, and what a power cut leaves.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::image::Image;
use super::random::Random;

/// The files of the store, in the order of their numbers in the journal.
pub const FILES: [&str; 2] = ["cognate.sqlite", "cognate.sqlite-wal"];

/// Which calls fail; the numbers add up.
#[derive(Debug, Clone, Copy)]
pub struct Failing(i64);

impl Failing {
    pub const SYNC_LOG: Self = Self(1);
    pub const SYNC_DATABASE: Self = Self(2);
    pub const WRITE_LOG: Self = Self(4);
    pub const WRITE_DATABASE: Self = Self(8);
    pub const SPACE: Self = Self(16);
    pub const SHORT: Self = Self(32);
    pub const ALL: [Self; 6] = [
        Self::SYNC_LOG,
        Self::SYNC_DATABASE,
        Self::WRITE_LOG,
        Self::WRITE_DATABASE,
        Self::SPACE,
        Self::SHORT,
    ];

    /// Whether calls that fail like this make changes fail.
    pub fn is_an_error(self) -> bool {
        self.0 != Self::SHORT.0
    }
}

const CUT_IN: u64 = 0;
const IS_CUT: u64 = 1;
const FAILING: u64 = 2;
const FAILURES: u64 = 3;
const CALLS: u64 = 4;
const LIES: u64 = 5;
const NUMBERS: usize = 6;

/// The switches of the library, and the content of the files when the journal began.
pub struct Disk {
    folder: PathBuf,
    control: File,
    base: [Vec<u8>; 2],
}

impl Disk {
    /// Makes the files that the library opens in `folder`.
    pub fn make(folder: &Path) {
        std::fs::write(folder.join("control"), [0; NUMBERS * 8]).expect("a control file");
        std::fs::write(folder.join("journal"), []).expect("a journal");
    }

    /// Takes over the disk of this process, which began with the library.
    pub fn open(folder: &Path) -> Self {
        let mut options = OpenOptions::new();
        let control = options.read(true).write(true).open(folder.join("control"));
        let disk = Self {
            folder: folder.to_owned(),
            control: control.expect("a control file"),
            base: [Vec::new(), Vec::new()],
        };
        disk.repair();
        disk.set(CUT_IN, -1);
        disk.set(IS_CUT, 0);
        disk.set(LIES, 0);
        disk
    }

    fn set(&self, number: u64, value: i64) {
        let written = self.control.write_all_at(&value.to_ne_bytes(), number * 8);
        written.expect("a control file");
    }

    fn get(&self, number: u64) -> i64 {
        let mut bytes = [0; 8];
        let read = self.control.read_exact_at(&mut bytes, number * 8);
        read.expect("a control file");
        i64::from_ne_bytes(bytes)
    }

    /// Lets the power go after this many further calls.
    pub fn cut_in(&self, calls: usize) {
        self.set(CUT_IN, i64::try_from(calls).expect("a small number"));
    }

    /// Lets the power go now.
    pub fn cut(&self) {
        self.set(IS_CUT, 1);
    }

    /// Keeps the power where it was to go.
    pub fn keep_power(&self) {
        self.set(CUT_IN, -1);
    }

    pub fn is_cut(&self) -> bool {
        self.get(IS_CUT) != 0
    }

    /// How many calls there were.
    pub fn calls(&self) -> i64 {
        self.get(CALLS)
    }

    /// Lets this many calls fail; all until the repair where `calls` is `None`.
    pub fn fail(&self, which: Failing, calls: Option<usize>) {
        let calls = calls.map_or(-1, |calls| i64::try_from(calls).expect("a small number"));
        self.set(FAILURES, calls);
        self.set(FAILING, which.0);
    }

    pub fn repair(&self) {
        self.set(FAILING, 0);
        self.set(FAILURES, 0);
    }

    /// Makes the disk one that answers a sync before it has stored anything.
    pub fn lie(&self) {
        self.set(LIES, 1);
    }

    /// Begins with the files of `data`, all of them stored, and with power.
    pub fn begin(&mut self, data: &Path) {
        self.base = FILES.map(|name| std::fs::read(data.join(name)).unwrap_or_default());
        std::fs::write(self.folder.join("journal"), []).expect("a journal");
        self.repair();
        self.keep_power();
        self.set(IS_CUT, 0);
    }

    /// Writes to `data` what the power cut left of the files: what was synced, and some of the rest.
    pub fn survive(&self, data: &Path, random: &mut Random) {
        let journal = std::fs::read(self.folder.join("journal")).expect("a journal");
        let mut images = self.base.clone().map(Image::new);
        let mut rest = journal.as_slice();
        while let Some((header, behind)) = rest.split_at_checked(16) {
            let number = |at: std::ops::Range<usize>| {
                header[at]
                    .iter()
                    .rev()
                    .fold(0, |number, byte| number << 8 | usize::from(*byte))
            };
            let (bytes, behind) = behind.split_at(number(4..8));
            let image = &mut images[usize::from(header[1])];
            let at = number(8..16);
            match header[0] {
                1 => image.write(at, bytes),
                2 => image.truncate(at),
                3 => image.sync(),
                4 => image.fail_sync(random),
                5 => image.unlink(),
                other => panic!("the journal has a call of kind {other}"),
            }
            rest = behind;
        }
        // Between everything and nothing, for both files, or for each on its own.
        let mut odds = random.pick(&[0, 1, 5, 9, 10]).copied().unwrap_or(5);
        for (image, name) in images.into_iter().zip(FILES) {
            if random.chance(1, 3) {
                odds = random.pick(&[0, 1, 5, 9, 10]).copied().unwrap_or(5);
            }
            if let Some(left) = image.cut(random, odds) {
                std::fs::write(data.join(name), left).expect("a file of the store");
            }
        }
    }
}
