//! A thread with a runtime of its own for each core. A connection stays on the thread that it was given to, so that
//! nothing is handed from core to core while it is served.

use std::io;
use std::thread;
use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The threads that serve connections and streams. What still runs on them is dropped with it.
#[derive(Debug)]
pub struct IoThreads {
    handles: Vec<Handle>,
    _stop: DropGuard,
}

impl IoThreads {
    /// Starts one thread for each core that this process may use.
    ///
    /// # Errors
    /// When the system has no room for them.
    pub fn start() -> io::Result<Self> {
        let stop = CancellationToken::new();
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let handles = (0..cores).map(|index| {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let (handle, stopped) = (runtime.handle().clone(), stop.clone());
            let thread = thread::Builder::new().name(format!("io_thread-{index}"));
            thread.spawn(move || {
                runtime.block_on(stopped.cancelled());
                // Not waiting for what a resolver may hold up.
                runtime.shutdown_background();
            })?;
            Ok(handle)
        });
        Ok(Self {
            handles: handles.collect::<io::Result<_>>()?,
            _stop: stop.drop_guard(),
        })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.handles.len()
    }

    /// Where to spawn what is to run on one of them, `0..count()`.
    pub fn handle(&self, index: usize) -> &Handle {
        &self.handles[index]
    }

    /// One of them for a new connection: by lot, since clients come in patterns, such as a read and then a stream, that
    /// would leave one with all the streams.
    pub fn pick_random(&self) -> usize {
        rand::random_range(0..self.handles.len())
    }
}
