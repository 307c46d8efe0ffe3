//! A hasher with the same result natively and in WebAssembly, so that `#[derive(Hash)]` gives stable fingerprints.
//!
//! std's `Hash` feeds lengths and discriminants as `usize` / `isize`, whose width differs between targets;
//! this hasher widens both to 64 bits. Slices of `usize` are the exception: std hashes their bytes as they lie in
//! memory, so no state may hold one. Words are folded with the 64x64 -> 128 bit multiplication of wyhash
//! (Wang Yi, <https://github.com/wangyi-fudan/wyhash>).

use std::hash::{Hash, Hasher};

const K0: u64 = 0xa076_1d64_78bd_642f;
const K1: u64 = 0xe703_7ed1_a0b4_28db;

/// Multiplies to 128 bits and folds the halves. WebAssembly has no such multiplication, and calling a routine for it
/// costs more than four short ones inline.
#[inline(always)]
pub fn fold(a: u64, b: u64) -> u64 {
    a.wrapping_mul(b) ^ high_half(a, b)
}

/// The high half of the product of two words.
#[inline(always)]
pub fn high_half(a: u64, b: u64) -> u64 {
    if cfg!(target_arch = "wasm32") { high_by_quarters(a, b) } else { ((u128::from(a) * u128::from(b)) >> 64) as u64 }
}

/// The compiler turns the general case back into a call unless one factor is a constant; where the other is short, as
/// a bound is, two multiplications are enough.
#[inline(always)]
fn high_by_quarters(a: u64, b: u64) -> u64 {
    let (a_low, a_high, b_low, b_high) = (a & LOW, a >> 32, b & LOW, b >> 32);
    let middle = a_high * b_low + ((a_low * b_low) >> 32);
    if b_high == 0 {
        return middle >> 32;
    }
    let carry = a_low * b_high + (middle & LOW);
    a_high * b_high + (middle >> 32) + (carry >> 32)
}

/// The low half of a word.
const LOW: u64 = (1 << 32) - 1;

/// Spreads every bit of a word over all others: the finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
#[inline(always)]
pub fn scramble(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// Mixes two words into one; `mix(a, b) != mix(b, a)`.
#[inline]
pub fn mix(a: u64, b: u64) -> u64 {
    scramble(a ^ fold(b ^ K0, K1)) ^ a.rotate_left(32).wrapping_mul(K1)
}

/// See the module's header.
#[derive(Clone, Default)]
pub struct StableHasher(u64);

impl StableHasher {
    #[inline]
    fn word(&mut self, word: u64) {
        self.0 = fold(self.0 ^ word ^ K0, K1 ^ self.0.rotate_left(29)).wrapping_add(word);
    }
}

impl Hasher for StableHasher {
    fn write(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            let mut word = [0; 8];
            word.copy_from_slice(chunk);
            self.word(u64::from_le_bytes(word));
        }
        let rest = chunks.remainder();
        if !rest.is_empty() {
            let mut word = [0; 8];
            word[..rest.len()].copy_from_slice(rest);
            self.word(u64::from_le_bytes(word) ^ ((rest.len() as u64) << 56));
        }
    }
    #[inline]
    fn write_u8(&mut self, i: u8) {
        self.word(u64::from(i));
    }
    #[inline]
    fn write_u16(&mut self, i: u16) {
        self.word(u64::from(i));
    }
    #[inline]
    fn write_u32(&mut self, i: u32) {
        self.word(u64::from(i));
    }
    #[inline]
    fn write_u64(&mut self, i: u64) {
        self.word(i);
    }
    #[inline]
    fn write_usize(&mut self, i: usize) {
        self.word(i as u64);
    }
    #[inline]
    fn write_isize(&mut self, i: isize) {
        self.word(i as i64 as u64);
    }
    #[inline]
    fn finish(&self) -> u64 {
        mix(self.0, K1)
    }
}

/// The stable hash of any value.
#[inline]
pub fn stable<T: Hash + ?Sized>(value: &T) -> u64 {
    let mut hasher = StableHasher::default();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// These numbers hold on every target: tests/wasm.rs asserts the same ones in WebAssembly.
    #[test]
    fn is_stable_across_targets() {
        assert_eq!(stable(&(1u32, 2usize, vec![3u32, 4], Some("five"))), 5734231025392751265);
    }

    #[test]
    fn quarters_give_the_high_half() {
        for a in (0..64).map(|bit| u64::MAX >> bit ^ 0x5bd1_e995) {
            for b in (0..64).flat_map(|bit| [u64::MAX << bit ^ 0x9e37_79b9, u64::MAX >> bit]) {
                assert_eq!(high_by_quarters(a, b), ((u128::from(a) * u128::from(b)) >> 64) as u64);
            }
        }
    }

    #[test]
    fn order_and_length_matter() {
        assert_ne!(stable(&[1u8, 2][..]), stable(&[2u8, 1][..]));
        assert_ne!(stable("ab"), stable("ab\0"));
        assert_ne!(mix(1, 2), mix(2, 1));
    }
}
