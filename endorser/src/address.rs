//! Where each part is asked for: the URLs of PCS v4, PCCS v4 and KDS v1.

use std::fmt::Write as _;

use synod_attestation::{
    Tee,
    snp::{
        key::KeyKind,
        product::{Product, TcbVersion},
    },
};

use crate::{
    config::{IntelService, Services, Update},
    part::{Part, PckQuery, Vcek},
};

/// The address of a part, if the configured service has it.
pub(crate) fn of(part: &Part, services: &Services) -> Option<String> {
    Some(match part {
        Part::TcbInfo { tee, fmspc } => {
            let fmspc = hex::encode(fmspc);
            let update = update(services.update);
            format!("{}/tcb?fmspc={fmspc}&{update}", v4(*tee, services))
        }
        Part::QeIdentity { tee } => {
            let update = update(services.update);
            format!("{}/qe/identity?{update}", v4(*tee, services))
        }
        Part::PckCrl { ca } => {
            let sgx = v4(Tee::Sgx, services);
            format!("{sgx}/pckcrl?ca={}&encoding=der", ca.name())
        }
        Part::RootCrl => match &services.intel {
            IntelService::Pcs { root_crl, .. } => root_crl.clone(),
            IntelService::Pccs { .. } => format!("{}/rootcacrl", v4(Tee::Sgx, services)),
        },
        Part::Pck(query) => match &services.intel {
            IntelService::Pcs { .. } => return None,
            IntelService::Pccs { .. } => pck(&v4(Tee::Sgx, services), query),
        },
        Part::Vcek(vcek) => self::vcek(&services.amd_kds, vcek),
        Part::AmdChain { product, key } => amd(&services.amd_kds, *product, *key, "cert_chain"),
        Part::AmdCrl { product, key } => amd(&services.amd_kds, *product, *key, "crl"),
    })
}

fn v4(tee: Tee, services: &Services) -> String {
    let (IntelService::Pcs { base, .. } | IntelService::Pccs { base }) = &services.intel;
    let tee = if tee == Tee::Tdx { "tdx" } else { "sgx" };
    format!("{}/{tee}/certification/v4", base.trim_end_matches('/'))
}

fn update(update: Update) -> String {
    match update {
        Update::Standard => "update=standard".to_owned(),
        Update::Early => "update=early".to_owned(),
        Update::EvaluationNumber(number) => format!("tcbEvaluationDataNumber={number}"),
    }
}

fn pck(v4: &str, query: &PckQuery) -> String {
    format!(
        "{v4}/pckcert?encrypted_ppid={}&cpusvn={}&pcesvn={}&pceid={}&qeid={}",
        hex::encode(&query.encrypted_ppid),
        hex::encode(query.cpu_svn),
        hex::encode(query.pce_svn.to_le_bytes()),
        hex::encode(query.pce_id.to_le_bytes()),
        hex::encode(query.qe_id),
    )
}

fn vcek(kds: &str, vcek: &Vcek) -> String {
    let TcbVersion {
        fmc,
        bootloader,
        tee,
        snp,
        microcode,
    } = vcek.tcb;
    let mut url = amd(
        kds,
        vcek.product,
        KeyKind::Vcek,
        &hex::encode(&vcek.hardware_id),
    );
    url.push('?');
    if matches!(vcek.product, Product::Turin | Product::Venice) {
        write!(url, "fmcSPL={fmc:02}&").expect("writing to a string cannot fail");
    }
    write!(
        url,
        "blSPL={bootloader:02}&teeSPL={tee:02}&snpSPL={snp:02}&ucodeSPL={microcode:02}"
    )
    .expect("writing to a string cannot fail");
    url
}

fn amd(kds: &str, product: Product, key: KeyKind, what: &str) -> String {
    let key = match key {
        KeyKind::Vcek => "vcek",
        KeyKind::Vlek => "vlek",
    };
    let product = match product {
        Product::Milan => "Milan",
        Product::Genoa => "Genoa",
        Product::Turin => "Turin",
        Product::Venice => "Venice",
    };
    format!("{}/{key}/v1/{product}/{what}", kds.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::part::PckCa;

    const FMSPC: [u8; 6] = [0x00, 0x80, 0x6f, 0x05, 0, 0];

    fn pccs() -> Services {
        Services {
            intel: IntelService::Pccs {
                base: "https://pccs.test:8081/".to_owned(),
            },
            ..Services::default()
        }
    }

    fn of_default(part: &Part) -> String {
        of(part, &Services::default()).expect("the public services have it")
    }

    #[test]
    fn intel_is_asked_by_tee_and_family() {
        let tdx = Part::TcbInfo {
            tee: Tee::Tdx,
            fmspc: FMSPC,
        };
        let pcs = "https://api.trustedservices.intel.com";
        let asked = of_default(&tdx);
        let expected = format!("{pcs}/tdx/certification/v4/tcb?fmspc=00806f050000&update=standard");
        assert_eq!(asked, expected);
        let asked = of_default(&Part::QeIdentity { tee: Tee::Sgx });
        let expected = format!("{pcs}/sgx/certification/v4/qe/identity?update=standard");
        assert_eq!(asked, expected);
    }

    #[test]
    fn an_evaluation_is_asked_for_by_its_number_or_early() {
        let mut services = Services::default();
        let part = Part::QeIdentity { tee: Tee::Tdx };
        for (update, end) in [
            (Update::Early, "update=early"),
            (Update::EvaluationNumber(17), "tcbEvaluationDataNumber=17"),
        ] {
            services.update = update;
            let url = of(&part, &services).expect("it has an address");
            assert!(url.ends_with(end), "{url}");
        }
    }

    #[test]
    fn the_lists_have_addresses_of_their_own() {
        let crl = Part::PckCrl {
            ca: PckCa::Platform,
        };
        assert!(
            of_default(&crl).ends_with("/sgx/certification/v4/pckcrl?ca=platform&encoding=der")
        );
        assert!(of_default(&Part::RootCrl).ends_with("/IntelSGXRootCA.der"));
        assert_eq!(
            of(&Part::RootCrl, &pccs()).as_deref(),
            Some("https://pccs.test:8081/sgx/certification/v4/rootcacrl")
        );
    }

    #[test]
    fn only_a_pccs_is_asked_for_a_pck_certificate() {
        let query = Part::Pck(Box::new(PckQuery {
            encrypted_ppid: vec![0xab; 2],
            cpu_svn: [1; 16],
            pce_svn: 0x0d,
            pce_id: 0x0100,
            qe_id: [2; 16],
        }));
        assert_eq!(of(&query, &Services::default()), None);
        let url = of(&query, &pccs()).expect("a PCCS has it");
        let end = format!(
            "pckcert?encrypted_ppid=abab&cpusvn={}&pcesvn=0d00&pceid=0001&qeid={}",
            "01".repeat(16),
            "02".repeat(16)
        );
        assert!(url.ends_with(&end), "{url}");
    }

    #[test]
    fn amd_is_asked_by_product_chip_and_firmware() {
        let tcb = TcbVersion {
            fmc: 1,
            bootloader: 4,
            tee: 0,
            snp: 24,
            microcode: 219,
        };
        let vcek = |product, bytes| {
            of_default(&Part::Vcek(Box::new(Vcek {
                product,
                hardware_id: vec![0xcd; bytes],
                tcb,
            })))
        };
        let kds = "https://kdsintf.amd.com/vcek/v1";
        assert_eq!(
            vcek(Product::Milan, 2),
            format!("{kds}/Milan/cdcd?blSPL=04&teeSPL=00&snpSPL=24&ucodeSPL=219")
        );
        assert_eq!(
            vcek(Product::Turin, 8),
            format!(
                "{kds}/Turin/cdcdcdcdcdcdcdcd?fmcSPL=01&blSPL=04&teeSPL=00&snpSPL=24&ucodeSPL=219"
            )
        );
    }

    #[test]
    fn amd_has_chains_and_lists_of_both_kinds_of_key() {
        for (key, name) in [(KeyKind::Vcek, "vcek"), (KeyKind::Vlek, "vlek")] {
            let product = Product::Genoa;
            let base = format!("https://kdsintf.amd.com/{name}/v1/Genoa");
            let chain = of_default(&Part::AmdChain { product, key });
            let crl = of_default(&Part::AmdCrl { product, key });
            assert_eq!(chain, format!("{base}/cert_chain"));
            assert_eq!(crl, format!("{base}/crl"));
        }
    }
}
