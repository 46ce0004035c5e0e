#![no_main]

// The first byte chooses the property.
libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if let Some((index, input)) = input.split_first() {
        (fuzz::ALL[usize::from(*index) % fuzz::ALL.len()].check)(input);
    }
});
