//! The file of the write-ahead log, read as SQLite reads it after a crash: <https://www.sqlite.org/fileformat2.html#walformat>.
//! SQLite ends at the first frame that isn't right. That is the end of what was committed, or damage.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::Path;

/// The size of the header of the file.
pub(super) const HEADER: u64 = 32;

/// The size of the header of a frame.
pub(super) const FRAME_HEADER: usize = 24;

/// What a file holds.
#[derive(Debug, Default)]
pub(super) struct LogContent {
    /// How many frames count: up to the last commit before the end.
    pub(super) frames: u64,
    /// How many pages the database has after the last commit.
    pub(super) database_pages: u64,
    /// The pages in the frames that count.
    pub(super) pages: HashSet<u32>,
    /// Whether a commit that was answered can't be read: commits follow each other, so nothing is written behind one that
    /// isn't on the disk.
    pub(super) is_damaged: bool,
}

/// The checksum of the format, with the order of bytes of the file.
struct Sum {
    is_big_endian: bool,
    value: (u32, u32),
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        let (mut one, mut other) = self.value;
        let word = |bytes: &[u8]| {
            let bytes = bytes.try_into().expect("a word has four bytes");
            if self.is_big_endian {
                u32::from_be_bytes(bytes)
            } else {
                u32::from_le_bytes(bytes)
            }
        };
        for words in bytes.chunks_exact(8) {
            one = one.wrapping_add(word(&words[..4])).wrapping_add(other);
            other = other.wrapping_add(word(&words[4..])).wrapping_add(one);
        }
        self.value = (one, other);
    }

    /// Whether `bytes` are this checksum.
    fn is(&self, bytes: &[u8]) -> bool {
        self.value == (number(bytes, 0), number(bytes, 4))
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    let bytes = bytes[at..at + 4]
        .try_into()
        .expect("a number has four bytes");
    u32::from_be_bytes(bytes)
}

/// Reads the file at `path`; one that isn't there is empty.
pub(super) fn examine(path: &Path) -> io::Result<LogContent> {
    match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(LogContent::default()),
        Err(error) => Err(error),
        Ok(file) => examine_bytes(BufReader::with_capacity(1 << 16, file)),
    }
}

fn examine_bytes(mut file: impl Read) -> io::Result<LogContent> {
    let mut header = [0; 32];
    // A header of zeros, or a part of one, was never synced, and nothing behind it was.
    if !fills(&mut file, &mut header)? || header == [0; 32] {
        return Ok(LogContent::default());
    }
    let mut sum = Sum {
        is_big_endian: number(&header, 0) & 1 == 1,
        value: (0, 0),
    };
    sum.add(&header[..24]);
    let page = number(&header, 8);
    let is_header = number(&header, 0) & !1 == 0x377f_0682
        && (512..=65536).contains(&page)
        && page.is_power_of_two()
        && sum.is(&header[24..]);
    if !is_header {
        let mut first = [0; FRAME_HEADER + 512];
        return Ok(LogContent {
            is_damaged: fills(&mut file, &mut first)?,
            ..LogContent::default()
        });
    }
    let salts = &header[16..24];
    let mut frame = vec![0; FRAME_HEADER + page as usize];
    let (mut content, mut read, mut uncommitted) = (LogContent::default(), 0, Vec::new());
    while fills(&mut file, &mut frame)? {
        let (head, data) = frame.split_at(FRAME_HEADER);
        sum.add(&head[..8]);
        sum.add(data);
        read += 1;
        if &head[8..16] != salts || !sum.is(&head[16..]) {
            // One commit that is torn is what a power cut leaves.
            content.is_damaged = follows_commit(file, &mut frame, salts)?;
            return Ok(content);
        }
        uncommitted.push(number(head, 0));
        if number(head, 4) != 0 {
            content.frames = read;
            content.database_pages = number(head, 4).into();
            content.pages.extend(uncommitted.drain(..));
        }
    }
    Ok(content)
}

/// Whether a frame of the same log follows a commit, from the frame that was read last on.
fn follows_commit(mut file: impl Read, frame: &mut [u8], salts: &[u8]) -> io::Result<bool> {
    let mut is_committed = number(frame, 4) != 0 && &frame[8..16] == salts;
    while fills(&mut file, frame)? {
        if &frame[8..16] != salts {
            continue;
        }
        if is_committed {
            return Ok(true);
        }
        is_committed = number(frame, 4) != 0;
    }
    Ok(false)
}

/// Fills `bytes` from the file; `false` where it ends before.
fn fills(file: &mut impl Read, bytes: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
