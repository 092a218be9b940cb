//! The tree is that of RFC 9162, whatever was retracted in between.

use synod_crypto::{Digest, sha256};
use synod_ledger::{
    ProofError, Tree, leaf_hash, node_hash, root_from_inclusion, verify_consistency,
    verify_inclusion,
};

/// MTH of RFC 9162 §2.1.1, by its definition.
fn defined_root(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => sha256(&[]),
        [leaf] => *leaf,
        _ => {
            let split = 1 << (leaves.len() - 1).ilog2();
            let (left, right) = leaves.split_at(split);
            node_hash(&defined_root(left), &defined_root(right))
        }
    }
}

fn leaves(count: u64) -> Vec<Digest> {
    (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
}

fn tree(count: u64) -> Tree {
    let mut tree = Tree::new();
    tree.extend(leaves(count));
    tree
}

/// Entries and roots of the reference tree of Certificate Transparency's test suites.
#[test]
fn published_roots_hold() {
    let entries = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ];
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut tree = Tree::new();
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(tree.root().to_string(), empty);
    for (entry, root) in entries.iter().zip(roots) {
        tree.append(leaf_hash(&bytes_of(entry)));
        assert_eq!(tree.root().to_string(), root);
    }
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let digit = |b: u8| (b as char).to_digit(16).expect("hex") as u8;
    hex.as_bytes()
        .chunks(2)
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}

#[test]
fn roots_of_all_sizes_are_the_defined_ones() {
    let all = leaves(70);
    let tree = tree(70);
    for size in 0..=70u64 {
        assert_eq!(
            tree.root_at(size),
            Some(defined_root(&all[..size as usize]))
        );
    }
    assert_eq!(tree.root_at(71), None);
}

#[test]
fn every_inclusion_proof_holds_and_only_at_its_place() {
    let all = leaves(40);
    let tree = tree(40);
    for size in 1..=40 {
        let root = tree.root_at(size).expect("size");
        for index in 0..size {
            let path = tree.inclusion_proof(index, size).expect("in range");
            let leaf = &all[index as usize];
            assert_eq!(verify_inclusion(leaf, index, size, &path, &root), Ok(()));
            let moved = verify_inclusion(leaf, (index + 1) % size, size, &path, &root);
            assert!(size == 1 || moved.is_err());
        }
    }
    assert_eq!(tree.inclusion_proof(40, 40), None);
    assert_eq!(tree.inclusion_proof(0, 41), None);
}

#[test]
fn every_consistency_proof_holds_and_no_other_root_does() {
    let tree = tree(33);
    for new in 1..=33 {
        for old in 1..=new {
            let path = tree.consistency_proof(old, new).expect("in range");
            let (a, b) = (
                tree.root_at(old).expect("old"),
                tree.root_at(new).expect("new"),
            );
            assert_eq!(verify_consistency(old, &a, new, &b, &path), Ok(()));
            let wrong = leaf_hash(b"wrong");
            assert!(verify_consistency(old, &wrong, new, &b, &path).is_err());
            assert!(verify_consistency(old, &a, new, &wrong, &path).is_err());
        }
    }
    assert_eq!(tree.consistency_proof(0, 3), None);
    assert_eq!(tree.consistency_proof(4, 3), None);
}

#[test]
fn a_proof_is_refused_when_one_sibling_is_swapped_missing_or_added() {
    let tree = tree(21);
    let root = tree.root();
    let leaf = tree.leaf(6).expect("leaf");
    let path = tree.inclusion_proof(6, 21).expect("proof");
    for at in 0..path.len() {
        let mut wrong = path.clone();
        wrong[at] = leaf_hash(b"other");
        assert_eq!(
            verify_inclusion(&leaf, 6, 21, &wrong, &root),
            Err(ProofError::WrongRoot)
        );
    }
    let short = &path[..path.len() - 1];
    assert_eq!(
        verify_inclusion(&leaf, 6, 21, short, &root),
        Err(ProofError::WrongLength)
    );
    let long = [&path[..], &[leaf]].concat();
    assert_eq!(
        verify_inclusion(&leaf, 6, 21, &long, &root),
        Err(ProofError::WrongLength)
    );
    assert_eq!(
        root_from_inclusion(&leaf, 21, 21, &path),
        Err(ProofError::IndexOutOfRange)
    );
}

#[test]
fn retraction_forgets_the_tail_and_nothing_else() {
    let mut tree = tree(57);
    for size in (0..=57).rev() {
        tree.retract(size);
        assert_eq!(tree.size(), size);
        assert_eq!(tree.root(), defined_root(&leaves(size)));
    }
    tree.extend(leaves(57));
    assert_eq!(tree.root(), defined_root(&leaves(57)));
}
