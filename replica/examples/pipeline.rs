//! How many writes a second the whole machine takes on one thread: three replicas, sealing,
//! hashing, signatures, codecs, without sockets and disks.
//!
//! `cargo run --release -p synod-replica --example pipeline -- [WRITES] [IN_FLIGHT] [app]`
//!
//! With `app` the writes are calls of an app that is made of Rust instead of WebAssembly: what its
//! way around the runtime costs, beside the built-in key-value app.
#![allow(
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "an example measures time"
)]

#[path = "../tests/replica/cluster.rs"]
#[allow(dead_code)]
mod cluster;
#[path = "../tests/replica/notebook.rs"]
#[allow(dead_code)]
mod notebook;

use std::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use cluster::{Cluster, user};
use synod_replica::{Reply, Request, app, kv};

fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .filter_map(|text| text.parse::<usize>().ok());
    let writes = arguments.next().unwrap_or(100_000);
    let in_flight = arguments.next().unwrap_or(512);
    let by_app = std::env::args().any(|text| text == "app");
    let mut cluster = if by_app {
        notebook::three(1)
    } else {
        Cluster::three(1)
    };
    let value = "v".repeat(256);
    let begun = Instant::now();
    let mut done = 0;
    while done < writes {
        let leader = cluster.leader();
        for n in 0..in_flight {
            if by_app {
                let mut call = notebook::call("notebook", "POST", &format!("/set/{}", done + n));
                call.request.body = value.clone().into();
                cluster.enqueue(leader, notebook::request(call), user());
                continue;
            }
            let mut request = Cluster::put_request("records", &format!("key{}", done + n), &value);
            if let Request::Kv(operate) = &mut request {
                operate.receipt = false;
            }
            cluster.enqueue(leader, request, user());
        }
        // Executors are done before the peers answer, as they are where a round between machines
        // takes a while.
        while let Some((id, work)) = cluster.work.pop_front() {
            cluster.finish(id, work);
        }
        cluster.run(20);
        let answered = std::mem::take(&mut cluster.replies);
        assert!(answered.values().all(|reply| matches!(
            reply,
            Reply::Kv(kv::Reply::Answered { .. }) | Reply::App(app::Reply::Called(_))
        )));
        done += answered.len();
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{done} writes of 256 bytes, {in_flight} in flight: {:.0} writes/s",
        done as f64 / seconds
    );
}
