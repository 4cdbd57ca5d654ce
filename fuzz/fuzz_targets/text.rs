//! The bytes are a text with its author. See `laws::text`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    laws::text(bytes);
});
