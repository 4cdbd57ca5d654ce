//! The bytes are the body of a check. See `laws::json_body`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    laws::json_body(bytes);
});
