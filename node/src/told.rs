//! How a node is told to stop.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// Waits for SIGTERM, SIGINT, or the end of standard input where the configuration says so.
pub(crate) async fn told_to_stop(with_stdin: bool) {
    let stdin = async {
        if with_stdin {
            stdin_closed().await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    let (Ok(mut term), Ok(mut int)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        return stdin.await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
        () = stdin => {}
    }
}

/// A thread of its own reads: a blocked read must not hold up the end of the runtime.
async fn stdin_closed() {
    let (closed, waiting) = oneshot::channel();
    let reader = std::thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(move || {
            // Whatever comes is thrown away; an error ends it like the end does.
            let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
            let _ = closed.send(());
        });
    if reader.is_ok() {
        let _ = waiting.await;
    }
}
