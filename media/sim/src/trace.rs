//! What happened, folded into one number: two runs of a seed that differ in any decision differ in it.

use std::hash::Hasher;
use std::io::Write;
use std::time::Duration;

/// The digest of a run, and its lines where somebody wants to read them.
#[derive(Debug, Default)]
pub struct Trace {
    digest: Fnv,
    lines: u64,
    output: Option<std::fs::File>,
}

/// FNV-1a with 64 bits (Fowler, Noll, Vo): short, and the same everywhere.
#[derive(Debug)]
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

impl Trace {
    /// A trace that is also written to a file.
    ///
    /// # Errors
    /// What the file system says.
    pub fn to_file(path: &str) -> std::io::Result<Self> {
        Ok(Self { output: Some(std::fs::File::create(path)?), ..Self::default() })
    }

    /// Notes a decision. Payloads do not belong here: they are no decision.
    pub fn note(&mut self, elapsed: Duration, line: std::fmt::Arguments<'_>) {
        let line = format!("{:>10.3} {line}\n", elapsed.as_secs_f64() * 1e3);
        self.digest.write(line.as_bytes());
        self.lines += 1;
        if let Some(output) = &mut self.output {
            // A trace that cannot be written is missed by who reads it; the run is not touched.
            let _ = output.write_all(line.as_bytes());
        }
    }

    /// The digest so far.
    pub fn digest(&self) -> u64 {
        self.digest.finish() ^ self.lines
    }
}
