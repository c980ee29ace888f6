# Daily commands: `just` lists them, `just NAME` runs one. Everything is built with --release, as CI does.

_list:
    @just --list --unsorted

# Type-check everything, tests and benches included
check:
    cargo check --release --workspace --all-targets

# Format the code
fmt:
    cargo fmt --all

# Lint as CI does
clippy:
    cargo clippy --release --workspace --all-targets -- -D warnings

# Every test that takes less than 20 seconds
test:
    cargo test --release --workspace

# Tests of one crate, by folder name and filter: `just test-crate data truncation`
test-crate crate *filter:
    cargo test --release -p gradus-{{crate}} {{filter}}

# Tests of the real binary: `just test-cli resume`
test-cli *filter:
    cargo test --release --test cli -- {{filter}}

# The page of `gradus serve` in headless Chromium (installs Node and Chromium where they are missing)
page-tests:
    cargo build --release
    .ci/page

# The page that computes by itself: built, and tested in headless Chromium
web-tests:
    cargo build --release
    .ci/page
    .ci/web

# API documentation; a broken link is an error
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --release --workspace --no-deps

# Fuzz one target for some seconds (needs nightly Rust and cargo-fuzz; `cargo fuzz list` names the targets)
fuzz target seconds="60":
    fuzz/seeds
    cargo +nightly fuzz run --sanitizer address {{target}} -- -max_total_time={{seconds}} -max_len=512 -timeout=10

# The README's first command
quickstart *arguments:
    cargo run --release -- quickstart {{arguments}}

# Everything a change must pass
ci:
    .ci/run
