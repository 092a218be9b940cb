//! `synod attest inspect`: what a file says, before anybody verifies it.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};
use synod_attestation::eventlog::EventLog;
use synod_attestation::eventlog::event::{Content, Event};
use synod_attestation::intel::quote::{Body, Quote};
use synod_attestation::intel::report::SgxReport;
use synod_attestation::nitro::document::Document;
use synod_attestation::snp::report::Report;
use synod_attestation::tdx::report::TdReport;
use synod_attestation::{Endorsements, Evidence, IntelCollateral, Tee};
use x509_cert::der::Decode as _;

use crate::commands::attest::material::{self, Material};
use crate::instant;
use crate::outcome::{Failure, Outcome};
use crate::output::Output;

/// Shows the content of evidence, event logs, certificates or collateral without verifying it
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  synod attest inspect quote.bin
  synod attest inspect report.hex --json")]
pub(super) struct InspectArgs {
    /// The file, in any form: bytes, hexadecimal, base64, JSON, PEM, DER
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// One thing that a file says.
#[derive(Debug, Serialize)]
struct Said {
    name: String,
    value: String,
}

pub(super) fn run(args: &InspectArgs, output: Output) -> Outcome {
    let material = material::read(&args.file)?;
    let said = match &material {
        Material::Evidence(evidence) => of_evidence(evidence)?,
        Material::Log(kind, bytes) => {
            let log = EventLog::parse(*kind, bytes).map_err(|error| unreadable(&error))?;
            of_events(log.events())
        }
        Material::Certificate(der) => of_certificate(der)?,
        Material::Endorsements(endorsements) => of_endorsements(endorsements),
    };
    let data = json!({ "file": args.file, "is": material.name(), "verified": false, "says": said });
    output.result(&data, || {
        let lines = said
            .iter()
            .map(|said| format!("  {}: {}", said.name, said.value));
        let head = format!("{}: {}, not verified", args.file.display(), material.name());
        std::iter::once(head)
            .chain(lines)
            .collect::<Vec<_>>()
            .join("\n")
    })
}

fn unreadable(error: &dyn std::fmt::Display) -> Failure {
    Failure::not_verified(format!("it cannot be read: {error}"))
}

fn said(name: impl Into<String>, value: impl std::fmt::Display) -> Said {
    Said {
        name: name.into(),
        value: value.to_string(),
    }
}

fn bytes(name: &str, value: impl AsRef<[u8]>) -> Said {
    said(name, hex::encode(value))
}

fn of_evidence(evidence: &Evidence) -> Outcome<Vec<Said>> {
    let raw = evidence.bytes();
    let mut list = match evidence.tee() {
        Tee::SevSnp => of_report(&Report::parse(raw).map_err(|error| unreadable(&error))?),
        Tee::Nitro => of_document(&Document::parse(raw).map_err(|error| unreadable(&error))?),
        Tee::Sgx | Tee::Tdx => of_quote(&Quote::parse(raw).map_err(|error| unreadable(&error))?),
    };
    for (kind, log) in evidence.logs() {
        let log = EventLog::parse(kind, log).map_err(|error| unreadable(&error))?;
        list.push(said(
            "event log",
            format!("{kind}, {} events", log.events().len()),
        ));
    }
    for part in evidence.parts() {
        list.push(said(format!("part {}", part.name()), part.evidence().tee()));
    }
    Ok(list)
}

fn of_report(report: &Report) -> Vec<Said> {
    let mut list = vec![
        said("version", report.version),
        bytes("measurement", report.measurement),
        bytes("report_data", report.report_data),
        bytes("host_data", report.host_data),
        said("vmpl", report.vmpl),
        said("guest_svn", report.guest_svn),
        said("policy", format_args!("{:#x}", report.policy)),
        said("debug", report.policy >> 19 & 1 == 1),
        said("platform_info", format_args!("{:#b}", report.platform_info)),
        said("signing_key", format_args!("{:?}", report.key_kind)),
        bytes("chip_id", report.chip_id),
        bytes("family_id", report.family_id),
        bytes("image_id", report.image_id),
        bytes("id_key_digest", report.id_key_digest),
        bytes("author_key_digest", report.author_key_digest),
        bytes("reported_tcb", report.reported_tcb),
        bytes("current_tcb", report.current_tcb),
        bytes("committed_tcb", report.committed_tcb),
        bytes("launch_tcb", report.launch_tcb),
        said("current_firmware", report.current_firmware),
        said("committed_firmware", report.committed_firmware),
    ];
    if let Some(cpuid) = report.cpuid {
        let name = format!(
            "family {:#x}, model {:#x}, stepping {}",
            cpuid.family, cpuid.model, cpuid.stepping
        );
        list.push(said("processor", name));
    }
    if let Some((launch, current)) = report.mitigations {
        list.push(said(
            "mitigations",
            format_args!("launch {launch:#x}, current {current:#x}"),
        ));
    }
    list
}

fn of_document(document: &Document) -> Vec<Said> {
    let mut list = vec![
        said("module_id", &document.module_id),
        said("made", instant::in_utc(document.timestamp_ms)),
    ];
    list.extend(
        document
            .pcrs
            .iter()
            .map(|(index, pcr)| bytes(&format!("pcr{index}"), pcr)),
    );
    let passed_on = [
        ("user_data", &document.user_data),
        ("nonce", &document.nonce),
        ("public_key", &document.public_key),
    ];
    list.extend(
        passed_on
            .into_iter()
            .filter_map(|(name, value)| Some(bytes(name, value.as_ref()?))),
    );
    list.push(said("certificates above the signer", document.chain.len()));
    list
}

fn of_quote(quote: &Quote<'_>) -> Vec<Said> {
    let mut list = vec![said("version", quote.version)];
    match &quote.body {
        Body::Sgx(report) => list.extend(of_enclave(report)),
        Body::Tdx(report) => list.extend(of_domain(report)),
    }
    let chain = if quote.pck_chain().is_some() {
        "in the quote"
    } else {
        "not in the quote"
    };
    list.push(said("PCK certificate chain", chain));
    list
}

fn of_enclave(report: &SgxReport) -> Vec<Said> {
    vec![
        bytes("mr_enclave", report.mr_enclave),
        bytes("mr_signer", report.mr_signer),
        said("isv_prod_id", report.isv_prod_id),
        said("isv_svn", report.isv_svn),
        bytes("attributes", report.attributes.0),
        said("debug", report.attributes.debug()),
        bytes("cpu_svn", report.cpu_svn),
        bytes("report_data", report.report_data),
    ]
}

fn of_domain(report: &TdReport) -> Vec<Said> {
    let mut list = vec![
        bytes("mr_td", report.mr_td),
        bytes("rtmr0", report.rtmrs[0]),
        bytes("rtmr1", report.rtmrs[1]),
        bytes("rtmr2", report.rtmrs[2]),
        bytes("rtmr3", report.rtmrs[3]),
        bytes("mr_config_id", report.mr_config_id),
        bytes("mr_owner", report.mr_owner),
        bytes("mr_owner_config", report.mr_owner_config),
        said("attributes", format_args!("{:#x}", report.attributes.0)),
        said("debug", report.attributes.debug()),
        said("xfam", format_args!("{:#x}", report.xfam)),
        bytes("mr_seam", report.mr_seam),
        bytes("tee_tcb_svn", report.tee_tcb_svn),
        bytes("report_data", report.report_data),
    ];
    if let Some(newer) = &report.newer {
        list.push(bytes("tee_tcb_svn2", newer.tee_tcb_svn2));
        list.push(bytes("mr_service_td", newer.mr_service_td));
    }
    list
}

fn of_events(events: &[Event]) -> Vec<Said> {
    let line = |event: &Event| {
        let name = format!("{} {:#x}", event.register, event.kind);
        said(
            name,
            format_args!("{} {}", hex::encode(event.digest), content(event)),
        )
    };
    events.iter().map(line).collect()
}

/// What the event is about: what the register vouches for, or else the log's own words.
fn content(event: &Event) -> String {
    let printable = |bytes: &[u8]| -> String {
        let text = String::from_utf8_lossy(bytes);
        text.chars().filter(|c| !c.is_control()).take(80).collect()
    };
    match &event.content {
        Content::Runtime { name, payload } => format!("{name} = {}", hex::encode(payload)),
        Content::Application {
            domain,
            operation,
            content,
        } => format!("{domain} {operation} {content}"),
        Content::Measured(bytes) => format!("measured `{}`", printable(bytes)),
        Content::Stated(bytes) => {
            let label = event.label.as_deref().unwrap_or_default();
            format!("stated `{}{}`", label, printable(bytes))
        }
    }
}

fn of_certificate(der: &[u8]) -> Outcome<Vec<Said>> {
    let certificate = x509_cert::Certificate::from_der(der).map_err(|error| unreadable(&error))?;
    let tbs = &certificate.tbs_certificate;
    let at = |time: &x509_cert::time::Time| {
        instant::in_utc(u64::try_from(time.to_unix_duration().as_millis()).unwrap_or(u64::MAX))
    };
    let mut list = vec![
        said("subject", &tbs.subject),
        said("issuer", &tbs.issuer),
        said("valid from", at(&tbs.validity.not_before)),
        said("valid until", at(&tbs.validity.not_after)),
    ];
    let extensions = tbs.extensions.iter().flatten();
    list.extend(extensions.map(|extension| {
        let name = if EVIDENCE_EXTENSIONS.contains(&extension.extn_id.to_string().as_str()) {
            "evidence"
        } else {
            "extension"
        };
        let critical = if extension.critical { ", critical" } else { "" };
        let length = extension.extn_value.as_bytes().len();
        said(
            name,
            format_args!("{}, {length} bytes{critical}", extension.extn_id),
        )
    }));
    Ok(list)
}

/// Extensions that hold evidence: DICE tagged evidence, and the conceptual message wrapper.
const EVIDENCE_EXTENSIONS: [&str; 2] = ["2.23.133.5.4.9", "1.3.6.1.5.5.7.1.35"];

fn of_endorsements(endorsements: &Endorsements) -> Vec<Said> {
    match endorsements {
        Endorsements::Intel(collateral) => of_collateral(collateral),
        other => vec![said("endorsements", format_args!("{other:?}"))],
    }
}

fn of_collateral(collateral: &IntelCollateral) -> Vec<Said> {
    let tcb_info: Value = serde_json::from_str(&collateral.tcb_info).unwrap_or_default();
    let identity: Value = serde_json::from_str(&collateral.qe_identity).unwrap_or_default();
    let mut list = Vec::new();
    for (name, object) in [("tcb_info", &tcb_info), ("qe_identity", &identity)] {
        for field in [
            "id",
            "fmspc",
            "pceId",
            "issueDate",
            "nextUpdate",
            "tcbEvaluationDataNumber",
        ] {
            match &object[field] {
                Value::String(text) => list.push(said(format!("{name}.{field}"), text)),
                Value::Number(number) => list.push(said(format!("{name}.{field}"), number)),
                _ => {}
            }
        }
    }
    let levels = tcb_info["tcbLevels"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    list.extend(levels.iter().map(|level| {
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        said(
            "level",
            format_args!("{} {}", text(&level["tcbDate"]), text(&level["tcbStatus"])),
        )
    }));
    list
}
