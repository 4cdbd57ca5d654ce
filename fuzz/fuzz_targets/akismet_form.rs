//! The bytes are a form of Akismet's protocol. See `laws::akismet_form`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    laws::akismet_form(bytes);
});
