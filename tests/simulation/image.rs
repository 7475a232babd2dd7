//! A file as a disk may have it: what was synced, and calls that a power cut may lose. A sector of 512 bytes is stored as a
//! whole, in one of the states that it had; sectors are stored in any order.

use std::collections::HashMap;

use super::random::Random;

const SECTOR: usize = 512;
const PAGE: usize = 4096;

/// A file.
pub struct Image {
    /// What is on the disk; `None` where the file isn't there.
    stored: Option<Vec<u8>>,
    pending: Vec<Pending>,
}

enum Pending {
    Write {
        at: usize,
        bytes: Vec<u8>,
        /// Whether the system gave up writing it, so that no later sync stores it.
        is_dropped: bool,
    },
    Truncate(usize),
    Unlink,
}

impl Image {
    pub fn new(content: Vec<u8>) -> Self {
        Self {
            stored: Some(content).filter(|content| !content.is_empty()),
            pending: Vec::new(),
        }
    }

    pub fn write(&mut self, at: usize, bytes: &[u8]) {
        let pages = at / PAGE..=(at + bytes.len().max(1) - 1) / PAGE;
        // The system writes whole pages, with what it gave up before.
        for pending in &mut self.pending {
            if let Pending::Write { at, is_dropped, .. } = pending
                && pages.contains(&(*at / PAGE))
            {
                *is_dropped = false;
            }
        }
        let (mut at, mut bytes) = (at, bytes);
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(SECTOR - at % SECTOR));
            self.pending.push(Pending::Write {
                at,
                bytes: now.to_owned(),
                is_dropped: false,
            });
            at += now.len();
            bytes = later;
        }
    }

    pub fn truncate(&mut self, size: usize) {
        self.pending.push(Pending::Truncate(size));
    }

    pub fn unlink(&mut self) {
        self.pending.push(Pending::Unlink);
    }

    pub fn sync(&mut self) {
        let mut dropped = Vec::new();
        for pending in std::mem::take(&mut self.pending) {
            if let Pending::Write {
                is_dropped: true, ..
            } = pending
            {
                dropped.push(pending);
            } else {
                self.store(pending);
            }
        }
        self.pending = dropped;
    }

    /// After a sync that failed, the system may count pages as written that aren't.
    pub fn fail_sync(&mut self, random: &mut Random) {
        let odds = random.below(5);
        for pending in &mut self.pending {
            if let Pending::Write { is_dropped, .. } = pending {
                *is_dropped |= random.chance(odds, 4);
            }
        }
    }

    /// What is left where each call was stored in `odds` of ten cases.
    pub fn cut(mut self, random: &mut Random, odds: usize) -> Option<Vec<u8>> {
        // A sector has the state after one of its writes.
        let mut last: HashMap<usize, usize> = HashMap::new();
        for pending in &self.pending {
            if let Pending::Write { at, .. } = pending {
                *last.entry(at / SECTOR).or_default() += 1;
            }
        }
        let mut sectors: Vec<_> = last.iter_mut().collect();
        sectors.sort_unstable();
        for (_, writes) in sectors {
            *writes = (0..*writes).filter(|_| random.chance(odds, 10)).count();
        }
        for pending in std::mem::take(&mut self.pending) {
            let is_stored = match &pending {
                Pending::Write { at, is_dropped, .. } => {
                    let left = last.get_mut(&(at / SECTOR)).expect("a counted sector");
                    let is_stored = *left > 0 && !is_dropped;
                    *left = left.saturating_sub(1);
                    is_stored
                }
                Pending::Truncate(_) | Pending::Unlink => random.chance(odds, 10),
            };
            if is_stored {
                self.store(pending);
            }
        }
        self.stored
    }

    fn store(&mut self, pending: Pending) {
        match pending {
            Pending::Write { at, bytes, .. } => {
                let stored = self.stored.get_or_insert_default();
                if stored.len() < at + bytes.len() {
                    stored.resize(at + bytes.len(), 0);
                }
                stored[at..at + bytes.len()].copy_from_slice(&bytes);
            }
            Pending::Truncate(size) => {
                self.stored.get_or_insert_default().resize(size, 0);
            }
            Pending::Unlink => self.stored = None,
        }
    }
}

#[test]
fn a_sync_stores_what_was_written_and_nothing_else_is_certain() {
    let mut random = Random::new(1);
    let mut image = Image::new(vec![1; 2000]);
    image.write(500, &[2; 600]);
    image.sync();
    image.write(0, &[3; 2000]);
    let stored = image.cut(&mut random, 0).expect("a file");
    assert_eq!(stored[..500], [1; 500]);
    assert_eq!(stored[500..1100], [2; 600]);
    assert_eq!(stored[1100..], [1; 900]);
}

#[test]
fn a_sector_is_stored_as_a_whole() {
    let mut random = Random::new(2);
    for _ in 0..100 {
        let mut image = Image::new(Vec::new());
        image.write(0, &[1; 4096]);
        image.write(100, &[2; 1000]);
        let stored = image.cut(&mut random, 5).unwrap_or_default();
        for (number, sector) in stored.chunks(SECTOR).enumerate() {
            let written = |byte| sector.contains(&byte);
            let is_both = number < 3 && written(2);
            assert!(!written(0) || !written(1) && !is_both, "sector {number}");
        }
    }
}

#[test]
fn a_failed_sync_may_lose_what_a_later_one_seems_to_store() {
    let lost = (0..100).filter(|seed| {
        let mut random = Random::new(*seed);
        let mut image = Image::new(vec![1; 8192]);
        image.write(0, &[2; 512]);
        image.fail_sync(&mut random);
        image.write(5000, &[3; 512]);
        image.sync();
        let stored = image.cut(&mut random, 0).expect("a file");
        assert_eq!(stored[5000], 3);
        stored[0] == 1
    });
    assert!((20..80).contains(&lost.count()));
}
