//! `synod bench`: a small load generator.

use std::time::Duration;

use clap::Args;
use http::Method;
use synod_client::{Load, LoadReport, Target, run_load};

use crate::connect::ServiceArgs;
use crate::outcome::{Failure, Outcome};
use crate::output::Output;

/// Measures the throughput and latency of committed writes or of calls of an app
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  synod bench                                    # 8 connections, 64 in flight on each, 256 bytes, 10 s
  synod bench --connections 1 --in-flight 1      # the latency of a lone write
  synod bench --app notes --request 'PUT /notes/{key}' --body '{\"text\": \"hello\"}'
  synod bench --app notes --request 'GET /notes/first'")]
pub(crate) struct BenchArgs {
    #[command(flatten)]
    service: ServiceArgs,
    /// Connections to the leader
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1000))]
    connections: u16,
    /// Concurrent requests on each connection
    #[arg(long, value_name = "M", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=256))]
    in_flight: u16,
    /// Bytes of each value
    #[arg(long, value_name = "BYTES", default_value_t = 256, conflicts_with = "app", value_parser = clap::value_parser!(u32).range(0..=1_048_576))]
    value_bytes: u32,
    /// How long to measure
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// The map that is written; a private one unless its name begins with `public:`
    #[arg(long, default_value = "bench", conflicts_with = "app")]
    map: String,
    /// Call this app instead
    #[arg(long, value_name = "NAME", requires = "request")]
    app: Option<String>,
    /// The request to the app; `{key}` is replaced by a fresh key, `{lane}` by a key that all calls
    /// of one lane share
    #[arg(long, value_name = "METHOD /PATH", requires = "app", value_parser = method_and_path)]
    request: Option<(Method, String)>,
    /// The body of the request to the app, as JSON, with the same replacements
    #[arg(long, value_name = "JSON", requires = "app")]
    body: Option<String>,
}

fn method_and_path(text: &str) -> Result<(Method, String), String> {
    let wrong = || "write `METHOD /PATH`".to_owned();
    let (method, path) = text.split_once(' ').ok_or_else(wrong)?;
    if !path.starts_with('/') {
        return Err(wrong());
    }
    Ok((method.parse().map_err(|_| wrong())?, path.to_owned()))
}

pub(crate) async fn run(args: &BenchArgs, output: Output) -> Outcome {
    let load = Load {
        connections: args.connections.into(),
        in_flight: args.in_flight.into(),
        duration: Duration::from_secs(args.seconds),
        target: args.target(),
    };
    let service = args.service.service()?;
    let report = run_load(&service, &load).await?;
    output.result_of(&service, &report, || args.text(&report))?;
    match (&report.first_error, report.errors) {
        (Some(first), errors) if errors > 0 => Err(Failure::broken(format!(
            "{errors} requests failed, first: {first}"
        ))),
        _ => Ok(()),
    }
}

impl BenchArgs {
    fn target(&self) -> Target {
        match (&self.app, &self.request) {
            (Some(app), Some((method, path))) => Target::App {
                app: app.clone(),
                method: method.clone(),
                path: path.clone(),
                body: self.body.clone(),
            },
            _ => Target::Map {
                map: self.map.clone(),
                value_bytes: self.value_bytes as usize,
            },
        }
    }

    fn text(&self, report: &LoadReport) -> String {
        let LoadReport {
            connections,
            in_flight,
            answers,
            answers_per_second,
            latency_us,
            ..
        } = report;
        let (what, unit) = match &self.app {
            Some(app) => (format!("answers of `{app}`"), "answers/s"),
            None => (
                format!("committed writes of {} bytes", self.value_bytes),
                "writes/s",
            ),
        };
        format!(
            "{answers} {what}, {connections} connections with {in_flight} in flight\n\
             {answers_per_second} {unit}\n\
             latency in microseconds: p50 {}, p90 {}, p99 {}, p99.9 {}, max {}",
            latency_us.p50, latency_us.p90, latency_us.p99, latency_us.p999, latency_us.max
        )
    }
}
