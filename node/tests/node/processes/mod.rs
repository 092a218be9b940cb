//! A synod of processes: what a node promises beyond what its replica does.

mod apps;
mod catching_up;
mod doors;
mod faults;
mod life;
mod load;
mod opening;
mod restarts;
mod synod;

use std::path::Path;

/// Not a claim: what the processes of the other tests run.
#[test]
#[ignore = "runs a node, for the other tests"]
fn node_process() {
    if let Ok(file) = std::env::var(synod::CONFIG_VARIABLE) {
        let config = synod_node::NodeConfig::read(Path::new(&file)).expect("a configuration");
        if let Err(error) = synod_node::run(config) {
            eprintln!("ended: {error}");
            std::process::exit(1);
        }
    }
}
