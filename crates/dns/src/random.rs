//! The randomness of answers: a small generator that its caller seeds, since the core has none of its own.

/// Numbers for shuffling, good enough to spread load and for nothing that must not be guessed. (xorshift64*, Vigna 2016.)
#[derive(Clone, Debug)]
pub struct Shuffle(u64);

impl Shuffle {
    /// A generator that gives the same numbers for the same seed.
    pub fn new(seed: u64) -> Self {
        // The one state that the generator can't leave is 0.
        Self(seed | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `limit`, which must not be 0; the bias is below 2⁻³² for any table that fits into memory.
    pub fn below(&mut self, limit: usize) -> usize {
        ((u128::from(self.next()) * limit as u128) >> 64) as usize
    }

    /// Puts the items into a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
