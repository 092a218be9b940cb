//! What real back-ends give, as evidence; and what AMD's hosts hand out beside
//! it, as endorsements.

use synod_attestation::{
    Endorsements, Evidence, ReportData, Tee,
    snp::{certificate_table, report::Report},
};

use crate::{
    attester::{Attester, AttesterError, Quoted},
    gramine::Gramine,
    linux::{configfs_tsm::ConfigfsTsm, nsm::Nsm, sev_guest::SevGuest},
};

impl Attester for ConfigfsTsm {
    fn quote(&mut self, report_data: &ReportData, _now_ms: u64) -> Result<Quoted, AttesterError> {
        let tee = self.tee_kind();
        let report = self.report(report_data.as_bytes())?;
        match tee {
            Tee::SevSnp => snp(report.outblob, report.auxblob),
            _ => bare(tee, report.outblob),
        }
    }

    fn tee(&self) -> Tee {
        self.tee_kind()
    }
}

impl Attester for SevGuest {
    fn quote(&mut self, report_data: &ReportData, _now_ms: u64) -> Result<Quoted, AttesterError> {
        let (report, table) = self.report(report_data.as_bytes())?;
        snp(report, table)
    }

    fn tee(&self) -> Tee {
        Tee::SevSnp
    }
}

impl Attester for Nsm {
    fn quote(&mut self, report_data: &ReportData, _now_ms: u64) -> Result<Quoted, AttesterError> {
        let document = self.document(report_data.as_bytes())?;
        Ok(Quoted {
            endorsements: Some(Endorsements::Nitro),
            ..bare(Tee::Nitro, document)?
        })
    }

    fn tee(&self) -> Tee {
        Tee::Nitro
    }
}

impl Attester for Gramine {
    fn quote(&mut self, report_data: &ReportData, _now_ms: u64) -> Result<Quoted, AttesterError> {
        bare(Tee::Sgx, self.ask(report_data.as_bytes())?)
    }

    fn tee(&self) -> Tee {
        Tee::Sgx
    }
}

/// Evidence with nothing next to it.
fn bare(tee: Tee, bytes: Vec<u8>) -> Result<Quoted, AttesterError> {
    let evidence =
        Evidence::new(tee, bytes).map_err(|_| AttesterError::Encoding("the evidence"))?;
    Ok(Quoted {
        evidence,
        endorsements: None,
        certificate_table: Vec::new(),
    })
}

/// A report with the host's certificates. A host that hands out too few of
/// them, or garbage, costs a look-up elsewhere and no more.
fn snp(report: Vec<u8>, certificate_table: Vec<u8>) -> Result<Quoted, AttesterError> {
    let endorsements = Report::parse(&report).ok().and_then(|report| {
        let table = certificate_table::parse(&certificate_table).ok()?;
        table.endorsements(report.key_kind).ok()
    });
    Ok(Quoted {
        endorsements: endorsements.map(Endorsements::Snp),
        certificate_table,
        ..bare(Tee::SevSnp, report)?
    })
}
