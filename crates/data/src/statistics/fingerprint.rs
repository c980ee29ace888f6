//! Fingerprints of texts, which stand for the texts.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};

pub(super) type Fingerprint = (u64, u64);

/// A map by fingerprints, which are hashes already.
pub(super) type ByFingerprint<T> = HashMap<Fingerprint, T, BuildHasherDefault<FirstHalf>>;

/// Takes the first number it is given for the hash.
#[derive(Default)]
pub(super) struct FirstHalf(Option<u64>);

impl Hasher for FirstHalf {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0.get_or_insert(number);
    }

    fn finish(&self) -> u64 {
        self.0.unwrap_or_default()
    }
}

/// A fingerprint of a text. With 128 bits, fewer than one in 10^20 pairs of texts share one.
pub(super) fn fingerprint(text: &str) -> Fingerprint {
    let hash = |seed: u8| {
        let mut hasher = DefaultHasher::new();
        (seed, text).hash(&mut hasher);
        hasher.finish()
    };
    (hash(0), hash(1))
}
