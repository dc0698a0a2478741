#![no_main]
//! See `boltorezka_fuzz::TARGETS`.
libfuzzer_sys::fuzz_target!(|input: &[u8]| (boltorezka_fuzz::find("offer").expect("a target").run)(input));
