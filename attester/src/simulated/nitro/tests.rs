//! Each check of the verifier, broken alone.
