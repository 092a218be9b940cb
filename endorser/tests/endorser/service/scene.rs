//! Evidence, what its vendor's service answers about it, and an endorser that
//! asks the stand-in: of simulated hardware, and of real hardware where the
//! vectors are.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use synod_attestation::{
    Anchors, Endorsements, Evidence, IntelCollateral, MockRoots, NodeStatement, Role,
    SnpEndorsements, Tee, VendorRoots,
};
use synod_attester::{Attester, Simulated};
use synod_crypto::{HpkeSecretKey, Secret, SigningKey, sha256};
use synod_endorser::{
    Config, Endorser, EndorserError, Fetched, Watcher,
    clock::Clock,
    config::{
        CacheConfig, IntelService, NetworkConfig, ProxyChoice, Refresh, Services, Timeouts,
        TlsRoots,
    },
    pem,
    transport::Https,
};

use super::{Act, Service};

/// 2026-11-20.
pub(crate) const SIMULATED_MS: u64 = 1_795_132_800_000;
pub(crate) const HOUR_MS: u64 = 3_600_000;

/// Evidence with all that belongs to it.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) name: String,
    pub(crate) evidence: Evidence,
    pub(crate) endorsements: Endorsements,
    pub(crate) anchors: Anchors,
    pub(crate) now_ms: u64,
}

impl Scene {
    pub(crate) fn simulated(tee: Tee, seed: u8) -> Self {
        Self::simulated_at(tee, seed, SIMULATED_MS)
    }

    pub(crate) fn simulated_at(tee: Tee, seed: u8, now_ms: u64) -> Self {
        let mut attester =
            Simulated::new(tee, [0x4d; 48], [seed; 32]).expect("it can be simulated");
        let statement = NodeStatement {
            identity: SigningKey::from_seed(&Secret::new([1; 32])).public(),
            tls: vec![2; 91],
            hpke: HpkeSecretKey::from_seed(&Secret::new([3; 32])).public(),
            role: Role::Replica,
            context: sha256(&[b"network"]),
            nonce: sha256(&[b"nonce"]),
        };
        let (evidence, endorsements) = attester
            .collect(&statement, now_ms)
            .expect("it can be simulated");
        Self {
            name: format!("simulated {tee}"),
            evidence,
            endorsements,
            anchors: Anchors::Simulated(MockRoots::published()),
            now_ms,
        }
    }

    /// A set of real evidence; loudly none if the vectors are absent.
    pub(crate) fn real(set: &str) -> Option<Self> {
        let folder = vectors()?.join(set);
        let read = |name: &str| {
            fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{set}/{name}: {error}"))
        };
        let meta: serde_json::Value =
            serde_json::from_slice(&read("meta.json")).expect("it is JSON");
        let at_s = meta["expect"]["at"].as_u64().expect("the set has a time");
        let (evidence, endorsements) = if set.starts_with("snp/") {
            let snp = SnpEndorsements {
                signer: read("vcek.der"),
                intermediate: read("ask.der"),
                root: read("ark.der"),
                crl: None,
            };
            let report = Evidence::new(Tee::SevSnp, read("report.bin"));
            (report, Endorsements::Snp(snp))
        } else {
            let json = String::from_utf8(read("collateral.json")).expect("it is text");
            let tee = if set.starts_with("tdx/") {
                Tee::Tdx
            } else {
                Tee::Sgx
            };
            let collateral = Endorsements::intel_from_json(&json).expect("it is collateral");
            (Evidence::new(tee, read("quote.bin")), collateral)
        };
        Some(Self {
            name: set.to_owned(),
            evidence: evidence.expect("it is within bounds"),
            endorsements,
            anchors: Anchors::Vendor(VendorRoots::built_in()),
            now_ms: at_s * 1000,
        })
    }

    pub(crate) fn collateral(&self) -> &IntelCollateral {
        match &self.endorsements {
            Endorsements::Intel(collateral) => collateral,
            other => panic!("{} is no collateral", other.vendor()),
        }
    }

    pub(crate) fn snp(&self) -> &SnpEndorsements {
        match &self.endorsements {
            Endorsements::Snp(snp) => snp,
            other => panic!("{} is not SEV-SNP's", other.vendor()),
        }
    }

    /// What the vendor's service answers, by path.
    pub(crate) fn pages(&self) -> BTreeMap<String, Act> {
        match &self.endorsements {
            Endorsements::Intel(collateral) => intel_pages(self.evidence.tee(), collateral),
            Endorsements::Snp(snp) => amd_pages(self.evidence.bytes(), snp),
            Endorsements::Nitro | Endorsements::Composite(_) => BTreeMap::new(),
        }
    }

    /// A service that answers for this platform.
    pub(crate) fn service(&self) -> Service {
        let service = Service::start();
        for (path, act) in self.pages() {
            service.put(&path, act);
        }
        service
    }
}

/// Everything of an endorser that a test may want to set otherwise.
pub(crate) struct Bench {
    pub(crate) config: Config,
    pub(crate) clock: Arc<TestClock>,
}

impl Bench {
    /// Asks `service`, keeps what it says in `folder`.
    pub(crate) fn new(scene: &Scene, service: &Service, folder: Option<&Path>) -> Self {
        Self::at(scene, &service.base(), &service.root, folder)
    }

    /// Asks the service at `base`, whose certificate leads to `root`.
    pub(crate) fn at(scene: &Scene, base: &str, root: &[u8], folder: Option<&Path>) -> Self {
        let base = base.to_owned();
        Self {
            config: Config {
                anchors: scene.anchors.clone(),
                folders: Vec::new(),
                cache: folder.map(|folder| CacheConfig::new(folder.join("cache"))),
                services: Services {
                    intel: IntelService::Pcs {
                        root_crl: format!("{base}/IntelSGXRootCA.der"),
                        base: base.clone(),
                    },
                    amd_kds: base,
                    ..Services::default()
                },
                network: Some(NetworkConfig {
                    tls_roots: TlsRoots::Only(vec![root.to_vec()]),
                    proxy: ProxyChoice::Direct,
                    timeouts: Timeouts {
                        connect_ms: 5_000,
                        read_ms: 5_000,
                        total_ms: 10_000,
                    },
                    ..NetworkConfig::default()
                }),
                refresh: Refresh::default(),
            },
            clock: Arc::default(),
        }
    }

    pub(crate) fn network(&mut self) -> &mut NetworkConfig {
        self.config.network.as_mut().expect("there is a network")
    }

    pub(crate) fn endorser(&self) -> Endorser {
        let network = self.config.network.as_ref();
        let transport = network.map(|network| {
            let https = Https::new(network).expect("the settings are good");
            Box::new(https) as Box<dyn synod_endorser::transport::Transport>
        });
        Endorser::with(
            self.config.clone(),
            transport,
            self.clock.clone(),
            Watcher::default(),
        )
        .expect("the settings are good")
    }

    pub(crate) fn ask(&self, scene: &Scene) -> Result<Fetched, EndorserError> {
        self.endorser()
            .endorsements_for(&scene.evidence, scene.now_ms)
    }
}

/// A clock on which waiting takes no time, and which remembers the waits.
#[derive(Debug, Default)]
pub(crate) struct TestClock {
    pub(crate) waits: Mutex<Vec<u64>>,
}

impl Clock for TestClock {
    fn monotonic_ms(&self) -> u64 {
        self.waits.lock().expect("no thread panicked").iter().sum()
    }

    fn sleep_ms(&self, ms: u64) {
        self.waits.lock().expect("no thread panicked").push(ms);
    }

    fn chance(&self) -> u64 {
        0
    }
}

pub(crate) fn vectors() -> Option<PathBuf> {
    let path = std::env::var_os("SYNOD_VECTORS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors"),
        PathBuf::from,
    );
    if path.is_dir() {
        return Some(path);
    }
    println!("SKIP SKIP SKIP: no vectors in {}", path.display());
    None
}

fn intel_pages(tee: Tee, collateral: &IntelCollateral) -> BTreeMap<String, Act> {
    let stated: serde_json::Value = serde_json::from_str(&collateral.tcb_info).expect("it is JSON");
    let fmspc = stated["fmspc"].as_str().expect("it has one").to_lowercase();
    let issuer = pem::certificates(collateral.pck_crl_issuer_chain.as_bytes());
    let issuer = issuer.expect("it is PEM").remove(0);
    let platform = issuer.windows(11).any(|bytes| bytes == b"Platform CA");
    let ca = if platform { "platform" } else { "processor" };
    let v4 = format!("/{tee}/certification/v4");
    BTreeMap::from([
        (
            format!("{v4}/tcb?fmspc={fmspc}&update=standard"),
            signed_page("tcbInfo", "TCB-Info-Issuer-Chain", collateral),
        ),
        (
            format!("{v4}/qe/identity?update=standard"),
            signed_page(
                "enclaveIdentity",
                "SGX-Enclave-Identity-Issuer-Chain",
                collateral,
            ),
        ),
        (
            format!("/sgx/certification/v4/pckcrl?ca={ca}&encoding=der"),
            Act::Page(
                vec![(
                    "SGX-PCK-CRL-Issuer-Chain".to_owned(),
                    percent_encoded(&collateral.pck_crl_issuer_chain),
                )],
                collateral.pck_crl.clone(),
            ),
        ),
        (
            "/IntelSGXRootCA.der".to_owned(),
            Act::page(&collateral.root_ca_crl),
        ),
        (
            "/sgx/certification/v4/rootcacrl".to_owned(),
            Act::page(hex::encode(&collateral.root_ca_crl).as_bytes()),
        ),
    ])
}

/// As the service writes it: what was signed, and the signature beside it.
pub(crate) fn signed_page(field: &str, header: &str, collateral: &IntelCollateral) -> Act {
    let (text, signature, chain) = if field == "tcbInfo" {
        (
            &collateral.tcb_info,
            &collateral.tcb_info_signature,
            &collateral.tcb_info_issuer_chain,
        )
    } else {
        (
            &collateral.qe_identity,
            &collateral.qe_identity_signature,
            &collateral.qe_identity_issuer_chain,
        )
    };
    let signature = hex::encode(signature);
    Act::Page(
        vec![(header.to_owned(), percent_encoded(chain))],
        format!("{{\"{field}\":{text},\"signature\":\"{signature}\"}}").into_bytes(),
    )
}

pub(crate) fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push_str(&hex::encode_upper([byte]));
        }
        encoded
    })
}

fn amd_pages(report: &[u8], snp: &SnpEndorsements) -> BTreeMap<String, Act> {
    let product = product(snp);
    let tcb = &report[0x180..0x188];
    let chip = &report[0x1a0..0x1e0];
    let vcek = if product == "Turin" {
        format!(
            "{}?fmcSPL={:02}&blSPL={:02}&teeSPL={:02}&snpSPL={:02}&ucodeSPL={:02}",
            hex::encode(&chip[..8]),
            tcb[0],
            tcb[1],
            tcb[2],
            tcb[3],
            tcb[7]
        )
    } else {
        format!(
            "{}?blSPL={:02}&teeSPL={:02}&snpSPL={:02}&ucodeSPL={:02}",
            hex::encode(chip),
            tcb[0],
            tcb[1],
            tcb[6],
            tcb[7]
        )
    };
    let base = format!("/vcek/v1/{product}");
    let chain = pem::encode(&[&snp.intermediate, &snp.root]);
    let mut pages = BTreeMap::from([
        (format!("{base}/{vcek}"), Act::page(&snp.signer)),
        (format!("{base}/cert_chain"), Act::page(chain.as_bytes())),
    ]);
    if let Some(crl) = &snp.crl {
        pages.insert(format!("{base}/crl"), Act::page(crl));
    }
    pages
}

pub(crate) fn product(snp: &SnpEndorsements) -> &'static str {
    ["Milan", "Genoa", "Turin"]
        .into_iter()
        .find(|name| {
            let ark = format!("ARK-{name}");
            snp.root
                .windows(ark.len())
                .any(|bytes| bytes == ark.as_bytes())
        })
        .expect("the root names its product")
}
