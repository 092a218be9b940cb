//! The shutdown signal: how a process learns that it shall stop, and whether it leaves its network
//! first.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// How a process shall stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// This process alone stops, by SIGTERM or SIGINT: it leaves first.
    Leave,
    /// It stops as it is: by SIGQUIT, which whoever stops the whole service sends, or with the
    /// process that started it, whose end closes standard input.
    Stop,
}

/// The ways on which the signal comes.
pub struct ShutdownSignal {
    terminate: Option<Signal>,
    interrupt: Option<Signal>,
    quit: Option<Signal>,
    stdin: Option<oneshot::Receiver<()>>,
}

impl ShutdownSignal {
    /// Listens from now on; to standard input only if it is asked to.
    pub fn listen(with_stdin: bool) -> Self {
        // Where the system gives no handler, its default ends the process.
        let listen = |kind| signal(kind).ok();
        Self {
            terminate: listen(SignalKind::terminate()),
            interrupt: listen(SignalKind::interrupt()),
            quit: listen(SignalKind::quit()),
            stdin: with_stdin.then(stdin_closed).flatten(),
        }
    }

    /// Waits for the next signal.
    pub async fn next(&mut self) -> Shutdown {
        tokio::select! {
            () = caught(&mut self.terminate) => Shutdown::Leave,
            () = caught(&mut self.interrupt) => Shutdown::Leave,
            () = caught(&mut self.quit) => Shutdown::Stop,
            () = closed(&mut self.stdin) => Shutdown::Stop,
        }
    }
}

async fn caught(signal: &mut Option<Signal>) {
    let caught = match signal {
        Some(signal) => signal.recv().await,
        None => None,
    };
    if caught.is_none() {
        std::future::pending::<()>().await;
    }
}

async fn closed(stdin: &mut Option<oneshot::Receiver<()>>) {
    match stdin {
        Some(waiting) => {
            // The thread ends with standard input, whatever it says.
            let _ = waiting.await;
            *stdin = None;
        }
        None => std::future::pending().await,
    }
}

/// A thread of its own reads: a blocked read must not hold up the end of the runtime.
fn stdin_closed() -> Option<oneshot::Receiver<()>> {
    let (closed, waiting) = oneshot::channel();
    let reader = std::thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(move || {
            // Whatever comes is thrown away; an error ends it like the end does.
            let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
            let _ = closed.send(());
        });
    reader.is_ok().then_some(waiting)
}
