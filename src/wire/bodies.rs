//! Bodies of requests: read as a whole before any work, under a budget for each client, and at a minimum rate.

use std::time::Duration;

use axum::body::Body;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

use super::admission::{RequestMemory, no_memory};
use super::limits;
use crate::error::{Code, Error};
use crate::permits::shares::{ClientNetwork, Share};

/// The memory of the parts of a body after the first one, in bytes. Parts of one size leave no gaps in the heap, as a growing
/// buffer would.
const PART: usize = limits::SMALL_BODY;

/// A whole body. It counts for the client until it is dropped.
pub(super) struct WholeBody {
    bytes: Vec<u8>,
    _small: Share,
    _large: Share,
}

/// The parts of a body that have arrived.
struct BodyParts {
    parts: Vec<Vec<u8>>,
    length: usize,
    /// The memory of the first part.
    small: Share,
    /// The memory of the others.
    large: Share,
}

impl std::ops::Deref for WholeBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads a whole body.
pub(super) async fn read(
    memory: &RequestMemory,
    mut body: Body,
    client: ClientNetwork,
) -> Result<WholeBody, Error> {
    let begun = Instant::now();
    let mut arrived = BodyParts {
        parts: Vec::new(),
        length: 0,
        small: memory.small.share(client),
        large: memory.large.share(client),
    };
    loop {
        let read = u32::try_from(arrived.length).unwrap_or(u32::MAX);
        let at_rate = Duration::from_secs(1) * read / limits::BODY_RATE;
        let allowed = (limits::BODY_BEGINNING + at_rate).min(limits::BODY_TIME);
        match timeout_at(begun + allowed, body.frame()).await {
            Ok(None) => return Ok(arrived.whole()),
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    arrived.append(&data)?;
                }
            }
            Ok(Some(Err(_))) | Err(_) => return Err(Code::Serialization.bare()),
        }
    }
}

impl BodyParts {
    /// Copies `data`, so that small frames don't keep the large buffers that they arrived in.
    fn append(&mut self, mut data: &[u8]) -> Result<(), Error> {
        self.length += data.len();
        if self.length > limits::BODY {
            return Err(
                Code::RequestTooLarge.because("Request body must be at most 1048576 bytes.")
            );
        }
        while !data.is_empty() {
            let part = self.with_capacity(data.len())?;
            let (now, later) = data.split_at(data.len().min(part.capacity() - part.len()));
            part.extend_from_slice(now);
            data = later;
        }
        Ok(())
    }

    /// The part that takes the next of `more` bytes.
    fn with_capacity(&mut self, more: usize) -> Result<&mut Vec<u8>, Error> {
        let capacity = self.parts.last().map_or(0, Vec::capacity);
        let length = self.parts.last().map_or(0, Vec::len);
        if length == capacity {
            if capacity < limits::SMALL_BODY {
                // The first part doubles, so that it is copied a few times at most.
                let larger = (length + more).next_power_of_two();
                let larger = larger.clamp(1024, limits::SMALL_BODY);
                counted(self.small.grow(larger - capacity))?;
                if self.parts.is_empty() {
                    self.parts.push(Vec::new());
                }
                self.parts[0].reserve_exact(larger - length);
            } else {
                counted(self.large.grow(PART))?;
                self.parts.push(Vec::with_capacity(PART));
            }
        }
        Ok(self.parts.last_mut().expect("a part was added"))
    }

    fn whole(mut self) -> WholeBody {
        let bytes = if self.parts.len() > 1 {
            self.parts.concat()
        } else {
            self.parts.pop().unwrap_or_default()
        };
        WholeBody {
            bytes,
            _small: self.small,
            _large: self.large,
        }
    }
}

fn counted(is_counted: bool) -> Result<(), Error> {
    if is_counted { Ok(()) } else { Err(no_memory()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(memory: &RequestMemory, length: usize) -> Result<WholeBody, Error> {
        let client = ClientNetwork::new([192, 0, 2, 1].into());
        super::read(memory, Body::from(vec![b' '; length]), client).await
    }

    #[tokio::test]
    async fn large_bodies_are_refused_beyond_the_budget_and_small_ones_are_not() {
        let memory = RequestMemory::new();
        let mut kept = Vec::new();
        while let Ok(body) = read(&memory, limits::BODY).await {
            kept.push(body);
        }
        let half = limits::LARGE_MEMORY / 2 / limits::BODY;
        assert!((half..half + 2).contains(&kept.len()), "{}", kept.len());
        while let Ok(body) = read(&memory, limits::SMALL_BODY + 1).await {
            kept.push(body);
        }
        assert!(read(&memory, limits::SMALL_BODY).await.is_ok());
        let refused = read(&memory, limits::SMALL_BODY + 1).await.err().unwrap();
        assert_eq!(refused.code, Code::TooManyRequests);
        kept.pop();
        let length = limits::SMALL_BODY + 1;
        assert!(read(&memory, length).await.is_ok());
    }

    #[tokio::test]
    async fn a_body_is_whole_in_any_pieces() {
        let memory = RequestMemory::new();
        let client = ClientNetwork::new([192, 0, 2, 1].into());
        let sent: Vec<u8> = (0..100_000_u32).map(|at| at.to_le_bytes()[0]).collect();
        for length in [0, 1, 1023, 1024, 1025, 16_384, 16_385, 40_000, 100_000] {
            for piece in [1, 7, 1024, 16_384, 100_000] {
                let mut body = BodyParts {
                    parts: Vec::new(),
                    length: 0,
                    small: memory.small.share(client),
                    large: memory.large.share(client),
                };
                for data in sent[..length].chunks(piece) {
                    body.append(data).unwrap();
                }
                let whole = body.whole();
                assert!(*whole == sent[..length], "{length} in pieces of {piece}");
            }
        }
    }

    #[tokio::test]
    async fn a_body_has_at_most_the_longest_length() {
        let memory = RequestMemory::new();
        let longest = read(&memory, limits::BODY).await.unwrap();
        assert_eq!(longest.len(), limits::BODY);
        let refused = read(&memory, limits::BODY + 1).await.err().unwrap();
        assert_eq!(refused.code, Code::RequestTooLarge);
        assert!(read(&memory, 0).await.unwrap().is_empty());
    }
}
