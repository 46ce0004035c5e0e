//! Runs one single-threaded runtime per core. A connection stays on its thread, so that no work moves between cores
//! while it is served.

use std::io;
use std::thread;
use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The threads that serve connections and streams. Dropping this value stops them and drops their tasks.
#[derive(Debug)]
pub struct IoThreads {
    handles: Vec<Handle>,
    _stop: DropGuard,
}

impl IoThreads {
    /// Starts one thread for each core that this process may use.
    ///
    /// # Errors
    /// If a runtime or a thread cannot be created.
    pub fn start() -> io::Result<Self> {
        let stop = CancellationToken::new();
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let handles = (0..cores).map(|index| {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let (handle, stopped) = (runtime.handle().clone(), stop.clone());
            let thread = thread::Builder::new().name(format!("io-{index}"));
            thread.spawn(move || {
                runtime.block_on(stopped.cancelled());
                // Does not wait for blocking tasks: a DNS lookup may take half a minute.
                runtime.shutdown_background();
            })?;
            Ok(handle)
        });
        Ok(Self {
            handles: handles.collect::<io::Result<_>>()?,
            _stop: stop.drop_guard(),
        })
    }

    /// Returns the number of threads.
    pub fn count(&self) -> usize {
        self.handles.len()
    }

    /// Returns the runtime handle of thread `index`, `0..count()`.
    pub fn handle(&self, index: usize) -> &Handle {
        &self.handles[index]
    }

    /// Picks a random thread for a new connection. Round robin would be unfair: clients connect in patterns, such as a
    /// read and then a stream, and one thread could get all the streams.
    pub fn pick_random(&self) -> usize {
        rand::random_range(0..self.handles.len())
    }
}
