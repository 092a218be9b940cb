//! Part 9: how to go on, staying up until Ctrl-C, and what remains afterwards.

use std::io::IsTerminal as _;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::outcome::{Failure, Outcome};
use crate::up::progress;
use crate::up::tour::Tour;

const WATCH: Duration = Duration::from_millis(500);
/// How long a second Ctrl-C is waited for.
const CONFIRM_MAX: Duration = Duration::from_secs(10);

/// Ctrl-C, or a request to terminate.
pub(crate) struct StopSignal {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignal {
    pub(crate) fn listen() -> Outcome<Self> {
        let listen = |kind| {
            signal(kind)
                .map_err(|error| Failure::broken(format!("cannot listen for signals: {error}")))
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    pub(crate) async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// As [`StopSignal::received`]; on a terminal, Ctrl-C counts once it was said what it ends and
    /// it came again.
    async fn received_for_good(&mut self) {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => {}
                _ = self.terminate.recv() => return,
            }
            if !std::io::stderr().is_terminal() {
                return;
            }
            progress::note(
                "\n    to stop now ends this service for good: the replicas' keys die with them, and members can\n    \
                 rebuild its records from a folder, not the service. Ctrl-C again within 10 s ends it",
            );
            if tokio::time::timeout(CONFIRM_MAX, self.received())
                .await
                .is_ok()
            {
                return;
            }
            progress::note("the service is still running");
        }
    }
}

/// Says what can be done with the running service.
pub(crate) fn tell_how_to_go_on(tour: &Tour) {
    let dir = tour.layout.dir().display();
    let option = if tour.layout.dir() == std::path::Path::new(crate::connect::DEFAULT_DIR) {
        String::new()
    } else {
        format!(" --dir {dir}")
    };
    let Some(url) = tour.service_urls().into_iter().next() else {
        return;
    };
    progress::part(tour.next_part(), "next steps");
    let apps = tour.app_commands(&option);
    let common = [
        format!("synod kv put{option} notes hello 'a private value'"),
        format!("synod kv get{option} notes hello"),
        format!("synod status{option}"),
        format!("synod verify {url} --trust {dir}/trust.toml"),
        format!(
            "synod receipt verify{option} {dir}/receipts/record-000000.receipt --chain {dir}/chain.cbor"
        ),
        format!(
            "curl --cacert {dir}/service-ca.pem --cert {dir}/users/user.pem --key {dir}/users/user.key -L {url}/v1/kv/notes/hello"
        ),
    ];
    for line in apps.into_iter().chain(common) {
        progress::note(line);
    }
}

/// Stays until it is told to stop, and says so if a replica ends by itself.
pub(crate) async fn until_stopped(tour: &mut Tour, stop: &mut StopSignal) {
    progress::note("\n    the service is running; Ctrl-C stops it for good");
    let stopped = stop.received_for_good();
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            () = &mut stopped => return,
            () = tokio::time::sleep(WATCH) => tour.revive_the_dead(),
        }
        tokio::select! {
            () = &mut stopped => return,
            watched = tour.watch_apps() => {
                if let Err(failure) = watched {
                    progress::note(failure);
                }
            }
        }
    }
}

/// Says what is possible with what lies in the folder.
pub(crate) fn tell_what_remains(tour: &Tour) {
    let commands = tour.layout.remaining_commands();
    progress::note(
        "\n    all replicas are stopped. Their keys were lost with them, so this service cannot be started again.",
    );
    if commands.is_empty() {
        return;
    }
    progress::note(format!("What remains in {}:", tour.layout.dir().display()));
    for (what, command) in commands {
        progress::note(format!("{what:<14}  {command}"));
    }
}
