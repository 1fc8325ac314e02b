//! WASI as an orchestrator sees it: clocks that stand at the turn's recorded time, and randomness
//! that is the same for each replay. Language runtimes read both at their start, so they cannot be
//! refused.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtxBuilder};

use crate::execution::Durable;

/// Puts the virtual clocks and the seeded randomness into `wasi`.
pub(crate) fn replace(wasi: &mut WasiCtxBuilder, durable: &Arc<Durable>) {
    let seed = durable.replay().seed();
    wasi.wall_clock(Clock(Arc::clone(durable)))
        .monotonic_clock(Clock(Arc::clone(durable)))
        .secure_random(Stream::new(seed, "secure"))
        .insecure_random(Stream::new(seed, "insecure"))
        .insecure_random_seed(seed);
}

struct Clock(Arc<Durable>);

impl Clock {
    fn now(&self) -> Duration {
        Duration::from_millis(self.0.replay().now().as_millis())
    }
}

impl HostWallClock for Clock {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Self::now(self)
    }
}

impl HostMonotonicClock for Clock {
    fn resolution(&self) -> u64 {
        1_000_000
    }

    fn now(&self) -> u64 {
        u64::try_from(Self::now(self).as_nanos()).unwrap_or(u64::MAX)
    }
}

/// SHA-256 in counter mode: the same bytes on every machine and with every version of a library.
struct Stream {
    seed: u128,
    purpose: &'static str,
    block: u64,
    bytes: [u8; 32],
    used: usize,
}

impl Stream {
    fn new(seed: u128, purpose: &'static str) -> Self {
        Self {
            seed,
            purpose,
            block: 0,
            bytes: [0; 32],
            used: 32,
        }
    }

    fn next_byte(&mut self) -> u8 {
        if self.used == self.bytes.len() {
            let mut hash = Sha256::new();
            hash.update(self.seed.to_be_bytes());
            hash.update(self.purpose);
            hash.update(self.block.to_be_bytes());
            self.bytes = hash.finalize().into();
            self.block += 1;
            self.used = 0;
        }
        self.used += 1;
        self.bytes[self.used - 1]
    }
}

impl rand::TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.iter_mut().for_each(|byte| *byte = self.next_byte());
        Ok(())
    }
}
