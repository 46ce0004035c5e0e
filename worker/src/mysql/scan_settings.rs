//! How scans read: chunk sizes, pauses, and the measured defaults.

use std::time::Duration;

/// How much one chunk reads. The fields are public, so that tests can place chunk borders everywhere.
#[derive(Clone, Copy, Debug)]
pub struct ChunkSizes {
    /// Size of the first chunk.
    pub first: i64,
    /// Smallest size; larger on a slow link.
    pub least: i64,
    /// Largest size.
    pub most: i64,
}

/// How scans read the tables of the daily figures.
#[derive(Clone, Copy, Debug)]
pub struct ScanSettings {
    /// Share of the time during which the server works for a scan, in percent. The scan pauses in between.
    pub duty_percent: u32,
    /// How long the server should work for one chunk. A check-in waits that long for the lock on MyISAM, or for the
    /// core on a small machine.
    pub chunk: Duration,
    /// Ids per chunk, which bounds the rows. After a gap in the ids, which makes chunks grow, a chunk takes at most
    /// about 25 ms on MyISAM.
    pub ids: ChunkSizes,
    /// Seconds of visits per chunk where the server counts them within an index.
    pub counted: ChunkSizes,
    /// Seconds of visits per chunk where each row is read.
    pub streamed: ChunkSizes,
    /// Number of pending loans, at 32 bytes each, that are looked up together.
    pub max_pending: usize,
}

impl ScanSettings {
    /// The measured defaults with this duty. 100 % means no pauses, and hurried chunks.
    pub const fn with_duty(duty_percent: u32) -> Self {
        const HOUR: i64 = 3600;
        let gentle = Self {
            duty_percent,
            chunk: Duration::from_millis(1),
            ids: ChunkSizes {
                first: 1_000,
                least: 200,
                most: 20_000,
            },
            counted: ChunkSizes {
                first: 48 * HOUR,
                least: HOUR,
                most: 7 * 24 * HOUR,
            },
            streamed: ChunkSizes {
                first: 12 * HOUR,
                least: HOUR / 4,
                most: 48 * HOUR,
            },
            max_pending: 250_000,
        };
        if duty_percent < 100 {
            gentle
        } else {
            gentle.hurried()
        }
    }

    /// The same with longer chunks: the scan ends sooner by a fifth or more, and other clients notice it more.
    pub const fn hurried(self) -> Self {
        Self {
            chunk: Duration::from_millis(20),
            ..self
        }
    }
}
