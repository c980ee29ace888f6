#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gradus_fuzz::bundle_config(data));
