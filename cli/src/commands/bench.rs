//! `synod bench`: a small load generator.

use std::time::Duration;

use clap::Args;
use synod_client::{Load, LoadReport, run_load};

use crate::connect::ServiceArgs;
use crate::outcome::{Failure, Outcome};
use crate::output::Output;

/// Measures committed writes: how many in a second, and how long each took
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  synod bench                                    # 8 connections, 64 in flight on each, 256 bytes, 10 s
  synod bench --connections 1 --in-flight 1      # the latency of a lone write")]
pub(crate) struct BenchArgs {
    #[command(flatten)]
    service: ServiceArgs,
    /// Connections to the leader
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1000))]
    connections: u16,
    /// Requests in flight on each connection
    #[arg(long, value_name = "M", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=256))]
    in_flight: u16,
    /// Bytes of each value
    #[arg(long, value_name = "BYTES", default_value_t = 256, value_parser = clap::value_parser!(u32).range(0..=1_048_576))]
    value_bytes: u32,
    /// For how long
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// The map that is written; a private one unless its name begins with `public:`
    #[arg(long, default_value = "bench")]
    map: String,
}

pub(crate) async fn run(args: &BenchArgs, output: Output) -> Outcome {
    let load = Load {
        connections: args.connections.into(),
        in_flight: args.in_flight.into(),
        value_bytes: args.value_bytes as usize,
        duration: Duration::from_secs(args.seconds),
        map: args.map.clone(),
    };
    let report = run_load(&args.service.service()?, &load).await?;
    output.result(&report, || text(&report))?;
    match (&report.first_error, report.errors) {
        (Some(first), errors) if errors > 0 => Err(Failure::broken(format!(
            "{errors} writes failed, first: {first}"
        ))),
        _ => Ok(()),
    }
}

fn text(report: &LoadReport) -> String {
    let LoadReport {
        connections,
        in_flight,
        value_bytes,
        writes,
        writes_per_second,
        latency_us,
        ..
    } = report;
    format!(
        "{writes} committed writes of {value_bytes} bytes, {connections} connections with {in_flight} in flight\n\
         {writes_per_second} writes/s\n\
         latency in microseconds: p50 {}, p90 {}, p99 {}, p99.9 {}, max {}",
        latency_us.p50, latency_us.p90, latency_us.p99, latency_us.p999, latency_us.max
    )
}
