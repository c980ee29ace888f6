//! The memory allocator of the program.

use mimalloc::MiMalloc;

/// The system's allocator gives the memory of a large tensor back at once, and fetches the next
/// one page by page, each of them cleared: a fifth of the time of a training step.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Lets the allocator keep what it has once got, for the tensors of the next step. Memory never
/// exceeds its peak, and steps are alike. `MIMALLOC_PURGE_DELAY` (milliseconds) overrides it.
pub(crate) fn keep_memory() {
    // Not among the crate's constants; `mi_option_purge_delay` in mimalloc.h of versions 2 and 3.
    const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
    const NEVER: std::ffi::c_long = -1;
    if std::env::var_os("MIMALLOC_PURGE_DELAY").is_some() {
        return;
    }
    // SAFETY: sets a number in the allocator's table of options, which has that index.
    #[expect(unsafe_code, reason = "a C function")]
    unsafe {
        libmimalloc_sys::mi_option_set(PURGE_DELAY, NEVER);
    }
}
