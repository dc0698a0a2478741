//! Fetching memory before it is needed.

use std::any::Any;

/// Asks the processor to fetch what a value occupies (not what it points to), while other work goes on. A hint: nothing is
/// read, and where the processor has no such instruction nothing happens.
pub fn prefetch(value: &dyn Any) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        const LINE_BYTES: usize = 64;
        let (start, bytes) = ((&raw const *value).cast::<i8>(), size_of_val(value));
        let fetch = |offset: usize| {
            // SAFETY: the instruction is in every x86-64 (SSE), reads nothing that the program sees, and takes any address.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(offset)) };
        };
        // A chain of iterators would cost more than what it walks over.
        let mut offset = 0;
        while offset < bytes {
            fetch(offset);
            offset += LINE_BYTES;
        }
        // A value need not begin with a line: its last byte may be on one more.
        fetch(bytes.saturating_sub(1));
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}
