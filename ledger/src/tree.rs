//! The Merkle tree of RFC 9162 §2.1 with SHA-256, and its proofs.
//!
//! - Nodes of complete subtrees are kept, level by level, so an append costs
//!   less than two hashes on average, and a root or a proof O(log² n) at most.
//! - [`Tree::retract`] takes leaves off again: an uncommitted tail can vanish.
//! - It holds 64 bytes a leaf.

use minicbor::{Decode, Encode};
use synod_crypto::{Digest, sha256};

/// The hash of leaf data: SHA-256(0x00 ‖ data).
pub fn leaf_hash(data: &[u8]) -> Digest {
    sha256(&[&[0], data])
}

/// The hash of an inner node: SHA-256(0x01 ‖ left ‖ right).
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    sha256(&[&[1], left.as_bytes(), right.as_bytes()])
}

/// A growing tree that can also shrink.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// `levels[k][i]` is the hash of leaves `i·2ᵏ .. (i+1)·2ᵏ`.
    levels: Vec<Vec<Digest>>,
}

impl Tree {
    /// The empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Leaves in the tree.
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// Adds a leaf by its [`leaf_hash`].
    pub fn append(&mut self, leaf: Digest) {
        let mut node = leaf;
        let mut level = 0;
        loop {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let row = &mut self.levels[level];
            row.push(node);
            if row.len() % 2 == 1 {
                return;
            }
            node = node_hash(&row[row.len() - 2], &row[row.len() - 1]);
            level += 1;
        }
    }

    /// The root over all leaves.
    pub fn root(&self) -> Digest {
        self.span(0, self.size())
    }

    /// The root as it was with `size` leaves; `None` when there were never so many.
    pub fn root_at(&self, size: u64) -> Option<Digest> {
        (size <= self.size()).then(|| self.span(0, size))
    }

    /// The stored hash of the leaf at `index`.
    pub fn leaf(&self, index: u64) -> Option<Digest> {
        self.levels
            .first()?
            .get(usize::try_from(index).ok()?)
            .copied()
    }

    /// The inclusion proof of RFC 9162 §2.1.3.1 for the leaf at `index` in the
    /// tree of the first `size` leaves; `None` when it is not in it.
    pub fn inclusion_proof(&self, index: u64, size: u64) -> Option<Vec<Digest>> {
        if index >= size || size > self.size() {
            return None;
        }
        let (mut start, mut end) = (0, size);
        let mut path = Vec::new();
        while end - start > 1 {
            let middle = start + split(end - start);
            if index < middle {
                path.push(self.span(middle, end));
                end = middle;
            } else {
                path.push(self.span(start, middle));
                start = middle;
            }
        }
        path.reverse();
        Some(path)
    }

    /// [`Self::inclusion_proof`] with the numbers that belong to it.
    pub fn prove(&self, leaf_index: u64, tree_size: u64) -> Option<InclusionProof> {
        let path = self.inclusion_proof(leaf_index, tree_size)?;
        Some(InclusionProof {
            tree_size,
            leaf_index,
            path,
        })
    }

    /// The consistency proof of RFC 9162 §2.1.4.1 between the trees of the first
    /// `old` and the first `new` leaves; `None` unless `0 < old <= new <= size`.
    pub fn consistency_proof(&self, old: u64, new: u64) -> Option<Vec<Digest>> {
        if old == 0 || old > new || new > self.size() {
            return None;
        }
        let (mut start, mut end) = (0, new);
        let mut path = Vec::new();
        let mut whole = true;
        while old != end {
            let middle = start + split(end - start);
            if old <= middle {
                path.push(self.span(middle, end));
                end = middle;
            } else {
                path.push(self.span(start, middle));
                start = middle;
                whole = false;
            }
        }
        if !whole {
            path.push(self.span(start, end));
        }
        path.reverse();
        Some(path)
    }

    /// Takes off the leaves from `size` on. Does nothing when there are no more.
    pub fn retract(&mut self, size: u64) {
        for (level, row) in self.levels.iter_mut().enumerate() {
            row.truncate(usize::try_from(size >> level).unwrap_or(usize::MAX));
        }
        while self.levels.last().is_some_and(Vec::is_empty) {
            self.levels.pop();
        }
    }

    /// The hash of the tree over leaves `start..end`, which must be a subtree of
    /// the RFC's recursion: `start` is a multiple of the power of two at or above
    /// the length.
    fn span(&self, start: u64, end: u64) -> Digest {
        let len = end - start;
        if len == 0 {
            return sha256(&[]);
        }
        if len.is_power_of_two() {
            let level = len.trailing_zeros() as usize;
            return self.levels[level][(start >> level) as usize];
        }
        let middle = start + split(len);
        node_hash(&self.span(start, middle), &self.span(middle, end))
    }
}

impl Extend<Digest> for Tree {
    fn extend<T: IntoIterator<Item = Digest>>(&mut self, leaves: T) {
        for leaf in leaves {
            self.append(leaf);
        }
    }
}

/// The largest power of two below `len`, which is at least 2.
fn split(len: u64) -> u64 {
    1 << (len - 1).ilog2()
}

/// That a leaf is in a tree, in the encoding of RFC 9942 §5.2: CBOR
/// `[tree size, leaf index, [* hash]]`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct InclusionProof {
    /// Leaves in the tree.
    #[n(0)]
    pub tree_size: u64,
    /// The leaf's position, from 0.
    #[n(1)]
    pub leaf_index: u64,
    /// Siblings from the leaf upward.
    #[n(2)]
    pub path: Vec<Digest>,
}

impl InclusionProof {
    /// Whether the leaf with this hash is in the tree with this root.
    pub fn verify(&self, leaf: &Digest, root: &Digest) -> Result<(), ProofError> {
        verify_inclusion(leaf, self.leaf_index, self.tree_size, &self.path, root)
    }
}

/// A proof does not lead to the root. Whoever sent it is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf's position is not within the tree.
    #[error("the leaf index is not within the tree")]
    IndexOutOfRange,
    /// More or fewer hashes than the position and size ask for.
    #[error("the proof has the wrong number of hashes")]
    WrongLength,
    /// The hashes lead to another root.
    #[error("the proof leads to a different root")]
    WrongRoot,
}

/// Checks an inclusion proof, RFC 9162 §2.1.3.2.
pub fn verify_inclusion(
    leaf: &Digest,
    index: u64,
    size: u64,
    path: &[Digest],
    root: &Digest,
) -> Result<(), ProofError> {
    if root_from_inclusion(leaf, index, size, path)? == *root {
        Ok(())
    } else {
        Err(ProofError::WrongRoot)
    }
}

/// The root that an inclusion proof leads to.
pub fn root_from_inclusion(
    leaf: &Digest,
    index: u64,
    size: u64,
    path: &[Digest],
) -> Result<Digest, ProofError> {
    if index >= size {
        return Err(ProofError::IndexOutOfRange);
    }
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in path {
        if last == 0 {
            return Err(ProofError::WrongLength);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            // On the right edge, levels where the node has no sibling are skipped.
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last == 0 {
        Ok(hash)
    } else {
        Err(ProofError::WrongLength)
    }
}

/// Checks a consistency proof between two roots, RFC 9162 §2.1.4.2.
pub fn verify_consistency(
    old: u64,
    old_root: &Digest,
    new: u64,
    new_root: &Digest,
    path: &[Digest],
) -> Result<(), ProofError> {
    if old == 0 || old > new {
        return Err(ProofError::IndexOutOfRange);
    }
    if old == new {
        return match (path.is_empty(), old_root == new_root) {
            (false, _) => Err(ProofError::WrongLength),
            (true, false) => Err(ProofError::WrongRoot),
            (true, true) => Ok(()),
        };
    }
    let (seed, rest) = if old.is_power_of_two() {
        (*old_root, path)
    } else {
        let (first, rest) = path.split_first().ok_or(ProofError::WrongLength)?;
        (*first, rest)
    };
    let (mut node, mut last) = (old - 1, new - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut from_old, mut from_new) = (seed, seed);
    for sibling in rest {
        if last == 0 {
            return Err(ProofError::WrongLength);
        }
        if node & 1 == 1 || node == last {
            from_old = node_hash(sibling, &from_old);
            from_new = node_hash(sibling, &from_new);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            from_new = node_hash(&from_new, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    match (last == 0, from_old == *old_root && from_new == *new_root) {
        (false, _) => Err(ProofError::WrongLength),
        (true, false) => Err(ProofError::WrongRoot),
        (true, true) => Ok(()),
    }
}
