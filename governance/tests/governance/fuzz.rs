//! Whatever bytes come in, decoders give an error or the one value they encode.

use synod_attestation::Tee;
use synod_governance::{
    Act, Approval, Input, Lapse, Learner, Leave, Manifest, Replaced, SignedAction, Unheard,
    UnheardStatement, WrappedSecret,
};

use crate::network::{Network, Node, genesis, manifest, wrapped};

/// xorshift64*: enough to choose where to break things, the same on every run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % sides
    }

    pub(crate) fn break_somewhere(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.roll(2) {
            let at = self.roll(bytes.len().max(1));
            match self.roll(4) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, self.roll(256) as u8),
                _ if bytes.is_empty() => {}
                _ => bytes[at] ^= 1 << self.roll(8),
            }
        }
        bytes
    }
}

fn expect_canonical(valid: &[u8], times: usize, decode: impl Fn(&[u8]) -> Option<Vec<u8>>) {
    assert_eq!(decode(valid).as_deref(), Some(valid));
    let mut dice = Dice(valid.len() as u64);
    for _ in 0..times {
        let bytes = dice.break_somewhere(valid);
        if let Some(encoded) = decode(&bytes) {
            assert_eq!(encoded, bytes, "what decodes is canonical");
        }
    }
}

#[test]
fn mutated_inputs_never_panic_and_never_decode_twice() {
    let network = Network::founded();
    let decode = |bytes: &[u8]| Input::decode(bytes).ok().map(|input| input.encode());
    let action = network.signed(network.open(), &[1, 2]);
    expect_canonical(&action.encode(), 10_000, decode);
    expect_canonical(&Input::Learner(Learner { id: 7 }).encode(), 10_000, decode);
    let join = network.join_input(&Node::new(102, Tee::Nitro));
    expect_canonical(&Input::Join(Box::new(join)).encode(), 2_000, decode);
    let reattest = network.reattest_input(1, &Node::new(101, Tee::SevSnp));
    expect_canonical(&Input::Reattest(Box::new(reattest)).encode(), 2_000, decode);
    expect_canonical(&Input::Lapse(Lapse { id: 7 }).encode(), 10_000, decode);
    let identity = &Node::new(101, Tee::SevSnp).identity;
    let leave = Leave::sign(&network.id, 1, network.newest(), identity);
    expect_canonical(&Input::Leave(leave).encode(), 10_000, decode);
    let statement = UnheardStatement::sign(&network.id, 2, 1, network.newest(), 1, identity);
    let unheard = Unheard {
        id: 2,
        statements: vec![statement],
        by: Some(3),
    };
    expect_canonical(&Input::Unheard(Box::new(unheard)).encode(), 10_000, decode);
    let replaced = Input::Replaced(Replaced { by: 3 });
    expect_canonical(&replaced.encode(), 10_000, decode);
    for input in crate::apps::samples(&network) {
        expect_canonical(&input.encode(), 5_000, decode);
    }
    let genesis = genesis(&manifest());
    expect_canonical(&Input::Genesis(Box::new(genesis)).encode(), 2_000, decode);
}

#[test]
fn mutated_files_never_panic_and_never_decode_twice() {
    let network = Network::founded();
    let action = network.action(Act::RemoveUser {
        name: "ursula".to_owned(),
    });
    let signed = SignedAction::combine([action.sign(&crate::network::key(1))]);
    expect_canonical(&signed.encode(), 10_000, |bytes| {
        SignedAction::decode(bytes)
            .ok()
            .map(|signed| signed.encode())
    });
    expect_canonical(&action.encode(), 10_000, |bytes| {
        synod_governance::Action::decode(bytes)
            .ok()
            .map(|action| action.encode())
    });
    expect_canonical(&wrapped(&manifest()).encode(), 10_000, |bytes| {
        WrappedSecret::decode(bytes)
            .ok()
            .map(|wrapped| wrapped.encode())
    });
    let founder = genesis(&manifest()).founders.remove(0);
    let approval = Approval::of(manifest().digest(), &founder.attested);
    expect_canonical(&approval.encode(), 10_000, |bytes| {
        Approval::decode(bytes)
            .ok()
            .map(|approval| approval.encode())
    });
}

#[test]
fn mutated_manifests_never_panic() {
    let text = manifest().to_toml();
    let mut dice = Dice(1);
    for _ in 0..2_000 {
        let bytes = dice.break_somewhere(text.as_bytes());
        if let Ok(other) = Manifest::from_toml(&bytes) {
            let again = Manifest::from_toml(other.to_toml().as_bytes()).expect("reads back");
            assert_eq!(again.digest(), other.digest());
        }
    }
}
