//! How a Kafka producer finds the partition of a record.
//!
//! With a key: a hash of the key modulo the number of partitions. The Java client and franz-go use murmur2 with Kafka's
//! own seed; librdkafka offers CRC-32, murmur2 and FNV-1a; Sarama and kafka-go FNV-1a. Without a key, since KIP-480 and
//! KIP-794: one partition until `batch.size` bytes went there, then another, drawn so that short queues get more.

/// Kafka's seed of murmur2.
const SEED: u32 = 0x9747_b28c;
const MULTIPLIER: u32 = 0x5bd1_e995;

/// murmur2 of a key, as in Kafka's `Utils.murmur2`.
pub fn murmur2(key: &[u8]) -> u32 {
    let mix = |word: u32| {
        let word = word.wrapping_mul(MULTIPLIER);
        (word ^ word >> 24).wrapping_mul(MULTIPLIER)
    };
    let little = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
    let mut words = key.chunks_exact(4);
    let whole = SEED ^ key.len() as u32;
    let mut hash = words.by_ref().fold(whole, |hash, word| hash.wrapping_mul(MULTIPLIER) ^ mix(little(word)));
    let rest = words.remainder();
    if !rest.is_empty() {
        hash = (hash ^ little(rest)).wrapping_mul(MULTIPLIER);
    }
    hash = (hash ^ hash >> 13).wrapping_mul(MULTIPLIER);
    hash ^ hash >> 15
}

/// 32-bit FNV-1a, as in Go's `hash/fnv`.
pub fn fnv1a(key: &[u8]) -> u32 {
    key.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// CRC-32 (IEEE 802.3), reflected.
pub fn crc32(key: &[u8]) -> u32 {
    let step = |word: u32, _| if word & 1 == 1 { word >> 1 ^ 0xedb8_8320 } else { word >> 1 };
    !key.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

/// The hash a client uses for keys, and how it folds it into a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyHash {
    /// The Java client, franz-go, librdkafka's `murmur2`: sign bit cleared.
    Murmur2,
    /// librdkafka's `consistent`.
    Crc32,
    /// librdkafka's `fnv1a`, Sarama's and kafka-go's hash balancer: the absolute value of the signed hash (Sarama and
    /// kafka-go negate the remainder, with the same result).
    Fnv1aAbsolute,
    /// Sarama's and kafka-go's reference hash balancer: sign bit cleared, as the Java client does.
    Fnv1aMasked,
}

/// The partition of a key, from 0. 0 when there are no partitions.
pub fn partition_of(hash: KeyHash, key: &[u8], partitions: u32) -> u32 {
    let folded = match hash {
        KeyHash::Murmur2 => murmur2(key) & 0x7fff_ffff,
        KeyHash::Crc32 => crc32(key),
        KeyHash::Fnv1aAbsolute => (fnv1a(key) as i32).unsigned_abs(),
        KeyHash::Fnv1aMasked => fnv1a(key) & 0x7fff_ffff,
    };
    folded.checked_rem(partitions).unwrap_or(0)
}

/// Where records without a key go: to one partition until a batch is full, then to another (KIP-480, KIP-794).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sticky {
    /// The current partition. `None` before the first record.
    partition: Option<u32>,
    /// Bytes that went to it.
    bytes: u32,
}

impl Sticky {
    /// The partition for the next record of this size, and room in a batch of `batch` bytes. A new partition is drawn
    /// by `draw` from `frequencies`, a cumulative table of [`frequencies`].
    pub fn next(&mut self, size: u32, batch: u32, frequencies: &[u32], draw: impl FnOnce() -> u64) -> u32 {
        let partition = self.partition.unwrap_or_else(|| pick(frequencies, draw()));
        self.bytes = self.bytes.saturating_add(size);
        self.partition = (self.bytes < batch).then_some(partition);
        if self.partition.is_none() {
            self.bytes = 0;
        }
        partition
    }
}

/// How often each partition is drawn, cumulatively: the longest queue plus one, minus its own (KIP-794). An
/// unavailable partition (`None`) is never drawn, unless none is available: then all are equally likely.
pub fn frequencies(queues: &[Option<u32>]) -> Vec<u32> {
    let longest = queues.iter().flatten().max().copied();
    let mut sum = 0;
    let weigh = |queue: &Option<u32>| {
        sum += match (longest, queue) {
            (None, _) => 1,
            (Some(longest), Some(queue)) => longest + 1 - queue,
            (Some(_), None) => 0,
        };
        sum
    };
    queues.iter().map(weigh).collect()
}

/// The partition that a draw stands for.
fn pick(frequencies: &[u32], draw: u64) -> u32 {
    let total = u64::from(frequencies.last().copied().unwrap_or(0)).max(1);
    let at = ((u128::from(draw) * u128::from(total)) >> 64) as u32;
    frequencies.partition_point(|edge| *edge <= at) as u32
}
