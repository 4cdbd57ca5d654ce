//! The bytes are a model file, or what one is made of. See `laws::model_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    laws::model_file(bytes);
});
