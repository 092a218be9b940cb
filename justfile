# What is done often. `just check` is what every change must pass; `.ci/run` does the same without just.

# All checks but the slow ones; `just check -p synod-ledger` those of one crate, `just check docs` those of documents.
check *scope:
    #!/usr/bin/env bash
    set -euo pipefail
    case "{{scope}}" in
      "") just fmt-check tidy clippy doc test deny ;;
      docs) just tidy ;;
      -p\ *)
        cargo fmt --all --check
        cargo xtask tidy
        cargo clippy {{scope}} --all-targets -- -D warnings
        RUSTDOCFLAGS="-D warnings" cargo doc {{scope}} --no-deps --document-private-items
        cargo test {{scope}}
        ;;
      *)
        echo "error: \`just check\` takes nothing, \`docs\`, or \`-p CRATE\`" >&2
        exit 1
        ;;
    esac

fmt:
    cargo fmt --all

fmt-check:
    cargo fmt --all --check

# The rules of the house that a machine can check.
tidy:
    cargo xtask tidy

clippy:
    cargo clippy --workspace --all-targets -- -D warnings

doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items

test:
    cargo test --workspace

# Licences, sources, advisories. Needs `cargo install cargo-deny`.
deny:
    cargo deny check

# Writes spec/openapi.json anew, to be looked at with `git diff`.
openapi:
    SYNOD_BLESS=1 cargo test --package synod-api --test openapi_document

# Whole networks under seeds, ten of each profile that must pass; `just sim --profile churn --seed 4 --trace` for one.
sim *options="--profile all --seeds 10":
    cargo xtask sim {{options}}

# Known faults of the protocol, each of which the simulator must find.
mutations *names:
    cargo xtask mutations {{names}}

# One fuzz target for some seconds. Needs a nightly compiler and `cargo install cargo-fuzz`.
fuzz target seconds="60":
    cd fuzz && cargo +nightly fuzz run {{target}} -- -max_total_time={{seconds}}

# The kept corpus, once through every target that has one.
fuzz-corpus:
    cd fuzz && for target in corpus/*; do cargo +nightly fuzz run "$(basename "$target")" -- -runs=0 || exit 1; done

# The verifier as a WebAssembly module, and recorded evidence through it under Node.
wasm:
    cargo xtask wasm

# The components of the apps in Rust, built and held against the committed ones; `just guests --bless` writes those.
guests *options:
    cargo xtask guests {{options}}

# Our verifiers against others, on mutated evidence; and how fast each is.
differential:
    cd differential && cargo test --release -- --nocapture && cargo run --release --bin race

# What one HTTP request costs the gateway.
bench-gateway:
    cargo run --release --package synod-gateway --example throughput

# Everything that the machine of the project runs.
ci:
    .ci/run
