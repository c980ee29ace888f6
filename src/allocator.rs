//! The program's memory allocator, and the exit when memory runs out.

use std::alloc::{GlobalAlloc, Layout};
use std::io::{self, Cursor, Write as _};

use libmimalloc_sys::{mi_option_set, mi_option_t, mi_option_use_numa_nodes};
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

/// The system's allocator returns the memory of a large tensor at once and fetches that of the next
/// one page by page, which takes a fifth of the time of a training step. Mimalloc keeps it.
///
/// If the system refuses memory, the process exits with a message; by default, Rust aborts it.
struct Allocator;

// SAFETY: forwards to mimalloc's allocator with the same arguments and results, and does not return
// if the result is null.
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

/// Exits without allocating. Files are left as after a kill: complete or absent, and the next run
/// removes unfinished ones.
#[cold]
fn exhausted(size: usize) -> ! {
    let mut text = Cursor::new([0; 512]);
    // The text fits into the buffer, and a closed standard error cannot be reported.
    let _ = write!(
        text,
        "error: out of memory: the system, or a limit such as `ulimit -v` or a container's, refuses \
         another {size} bytes\n\n{HINT}\n"
    );
    let end = usize::try_from(text.position()).unwrap_or_default();
    let _ = io::stderr().write_all(&text.get_ref()[..end]);
    signal_hook::low_level::exit(1);
}

/// Hint for out-of-memory errors.
const HINT: &str = "\
hint: raise the limit, or use less memory: a smaller --batch-size or --micro-batch-size in training, \
--batch-tokens in scoring, or --max-length; `gradus inspect` estimates a model's memory";

/// `mi_option_purge_delay` of mimalloc.h. The bindings leave it out and name the option behind it; a
/// test checks that it is the option that `MIMALLOC_PURGE_DELAY` sets.
const PURGE_DELAY: mi_option_t = mi_option_use_numa_nodes - 1;

/// Makes the allocator keep memory for the tensors of the next step. All steps need about the same,
/// so the peak does not grow. `MIMALLOC_PURGE_DELAY` (milliseconds) overrides it.
pub(crate) fn keep_memory() {
    const NEVER: std::ffi::c_long = -1;
    if std::env::var_os("MIMALLOC_PURGE_DELAY").is_some() {
        return;
    }
    // SAFETY: sets a number in the allocator's table of options, which has that index.
    #[expect(unsafe_code, reason = "a C function")]
    unsafe {
        mi_option_set(PURGE_DELAY, NEVER);
    }
}

#[cfg(test)]
mod tests {
    #[allow(
        unused_imports,
        reason = "benches without a harness compile this file, too"
    )]
    use super::PURGE_DELAY;

    /// Sets the variable for a process of its own, which reads the option.
    #[test]
    fn the_option_is_the_one_that_the_environment_names() {
        const VALUE: &str = "4711";
        let name = "the_option_is_the_one_that_the_environment_names";
        if std::env::var("MIMALLOC_PURGE_DELAY").is_ok_and(|value| value == VALUE) {
            // SAFETY: reads a number of the allocator's table of options.
            #[expect(unsafe_code, reason = "a C function")]
            let found = unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) };
            assert_eq!(found.to_string(), VALUE);
            return;
        }
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .arg(name)
            .env("MIMALLOC_PURGE_DELAY", VALUE)
            .output()
            .unwrap();
        let output = String::from_utf8_lossy(&child.stdout);
        assert!(
            child.status.success() && output.contains("1 passed"),
            "{output}"
        );
    }
}
