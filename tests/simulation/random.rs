//! Random numbers that a seed repeats: SplitMix64, <https://prng.di.unimi.it/splitmix64.c>.

/// A source of random numbers.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.number() % end as u64).expect("a small number")
    }

    /// True in `cases` of `of` cases.
    pub fn chance(&mut self, cases: usize, of: usize) -> bool {
        self.below(of) < cases
    }

    /// One of these; none of nothing.
    pub fn pick<'p, T>(&mut self, all: &'p [T]) -> Option<&'p T> {
        if all.is_empty() {
            return None;
        }
        let at = self.below(all.len());
        all.get(at)
    }

    /// Another source, which what this one gives later doesn't depend on.
    pub fn fork(&mut self) -> Self {
        Self(self.number())
    }

    pub fn fill(&mut self, bytes: &mut [u8]) {
        for eight in bytes.chunks_mut(8) {
            let number = self.number().to_le_bytes();
            eight.copy_from_slice(&number[..eight.len()]);
        }
    }
}
