//! `synod attest quote`: makes evidence on this machine.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use synod_attestation::{Evidence, ReportData, Tee};
use synod_attester::{Attester, NothingToPick, Simulated, SystemProbe, detect, pick};
use synod_endorser::folder;

use crate::clock::now_ms;
use crate::commands::attest::settings::of_endorser;
use crate::files::{self, Readers};
use crate::outcome::{Failure, Outcome};
use crate::output::Output;

/// Generates evidence on this machine
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  synod attest quote --report-data 00…00 --out quote.bin
  synod attest quote --tee sev-snp --nonce 5c1f… --out report.bin --endorsements ./collateral
  synod attest quote --simulate tdx --nonce 5c1f… --out quote.bin --endorsements ./collateral   # nothing vouches")]
pub(super) struct QuoteArgs {
    /// The file for the evidence
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Bind exactly these 64 bytes
    #[arg(long, value_name = "HEX", conflicts_with = "nonce")]
    report_data: Option<String>,
    /// Bind these bytes, at most 64, followed by zeros
    #[arg(long, value_name = "HEX")]
    nonce: Option<String>,
    /// The TEE to ask, if there are several [default: the innermost]
    #[arg(long, value_name = "TEE", conflicts_with = "simulate")]
    tee: Option<Tee>,
    /// Simulate a TEE under published keys: for tests, no hardware vouches for it
    #[arg(long, value_name = "TEE")]
    simulate: Option<Tee>,
    /// A folder for the endorsements, if the platform provides them
    #[arg(long, value_name = "DIR")]
    endorsements: Option<PathBuf>,
}

pub(super) fn run(args: &QuoteArgs, output: Output) -> Outcome {
    let report_data = args.bound()?;
    let mut attester = args.attester()?;
    let quoted = attester
        .quote(&report_data, now_ms())
        .map_err(Failure::broken)?;
    files::create(&args.out, quoted.evidence.bytes(), Readers::Everybody)?;
    let mut written = vec![args.out.clone()];
    if let (Some(out), Some(endorsements)) = (&args.endorsements, &quoted.endorsements) {
        written.extend(folder::write(out, endorsements).map_err(|error| of_endorser(&error))?);
    }
    let simulated = args.simulate.is_some();
    let data = json!({
        "tee": attester.tee().to_string(), "simulated": simulated, "report_data": report_data.to_string(),
        "files": written, "endorsements": quoted.endorsements.is_some(),
    });
    output.result(&data, || {
        told(
            &quoted.evidence,
            simulated,
            quoted.endorsements.is_some(),
            &written,
        )
    })
}

fn told(evidence: &Evidence, simulated: bool, endorsed: bool, written: &[PathBuf]) -> String {
    let mark = if simulated {
        ", SIMULATED: no hardware vouches for it"
    } else {
        ""
    };
    let mut lines = vec![format!("evidence of {}{mark}", evidence.tee())];
    lines.extend(written.iter().map(|path| format!("  {}", path.display())));
    if !endorsed {
        lines.push(
            "this platform does not provide endorsements: `synod attest collateral fetch` downloads them"
                .to_owned(),
        );
    }
    lines.join("\n")
}

impl QuoteArgs {
    fn bound(&self) -> Outcome<ReportData> {
        let given = self.report_data.as_deref().or(self.nonce.as_deref());
        let text = given.ok_or_else(|| {
            Failure::mistake("evidence must bind something")
                .with_hint("give the bytes to bind with `--nonce HEX` or `--report-data HEX`")
        })?;
        let mut bytes = hex::decode(text)
            .map_err(|_| Failure::mistake("write the bytes to bind in hexadecimal digits"))?;
        if self.nonce.is_some() && !bytes.is_empty() && bytes.len() < 64 {
            bytes.resize(64, 0);
        }
        ReportData::try_from(bytes.as_slice())
            .map_err(|_| Failure::mistake("report data must be 64 bytes, a nonce 1 to 64 bytes"))
    }

    fn attester(&self) -> Outcome<Box<dyn Attester>> {
        if let Some(tee) = self.simulate {
            let mut seed = [0; 32];
            getrandom::fill(&mut seed)
                .map_err(|error| Failure::broken(format!("cannot get random bytes: {error}")))?;
            let simulated = Simulated::new(tee, [0; 48], seed).map_err(Failure::broken)?;
            return Ok(Box::new(simulated));
        }
        let detection = detect(&SystemProbe);
        pick(&detection, self.tee).map_err(|error| match error {
            NothingToPick::Attester(error) => Failure::broken(error),
            none => Failure::mistake(none)
                .with_hint("`synod doctor` says what is missing; `--simulate TEE` makes evidence that proves nothing"),
        })
    }
}
