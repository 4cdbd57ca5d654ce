//! The bytes are a file to import. See `laws::import`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    laws::import(bytes);
});
