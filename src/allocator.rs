//! The program's memory allocator, and the exit when memory runs out.

use std::alloc::{GlobalAlloc, Layout};
use std::io::{self, Cursor, Write as _};

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

/// The system's allocator gives the memory of a large tensor back at once, and fetches the next
/// one page by page, each of them cleared: a fifth of the time of a training step. Mimalloc does not.
///
/// Where the system refuses memory, the process ends with a sentence: Rust would abort it.
struct Allocator;

// SAFETY: mimalloc's allocator, with the same arguments and results; it does not return where it
// got nothing.
#[expect(unsafe_code, reason = "an allocator cannot be written without")]
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        checked(unsafe { MiMalloc.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        checked(unsafe { MiMalloc.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as the caller promises.
        checked(unsafe { MiMalloc.realloc(pointer, layout, size) }, size)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { MiMalloc.dealloc(pointer, layout) }
    }
}

fn checked(pointer: *mut u8, size: usize) -> *mut u8 {
    if pointer.is_null() {
        exhausted(size);
    }
    pointer
}

/// Ends the process without asking for memory, as after a kill: files are whole or absent, and the
/// next run removes what is half-made.
#[cold]
fn exhausted(size: usize) -> ! {
    let mut text = Cursor::new([0; 512]);
    // The text is shorter than that, and there is nobody to tell about a closed standard error.
    let _ = write!(
        text,
        "error: out of memory: the system, or a limit such as that of `ulimit -v` or a container, \
         refuses another {size} bytes\n\n{HINT}\n"
    );
    let end = usize::try_from(text.position()).unwrap_or_default();
    let _ = io::stderr().write_all(&text.get_ref()[..end]);
    signal_hook::low_level::exit(1);
}

/// Hint for out-of-memory errors.
const HINT: &str = "\
hint: raise the limit, or ask for less: a smaller --batch-size or --micro-batch-size when training, \
--batch-tokens when scoring, --max-length; `gradus inspect` estimates what a model takes";

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
