//! Atomic writes: files and directories are complete or absent.
//!
//! - [`NewFile`]: a file that appears under its name once it is complete
//! - [`NewDirectory`]: the same for a directory, which may replace another
//! - [`Lock`]: keeps other processes from writing the same target
//! - [`Target`]: a path to write to, with links resolved
//! - [`is_same_file`], [`is_current_directory`], [`is_mount_point`]: what must not be overwritten
//! - [`is_about_the_path`]: whether an error is the user's or the machine's
//! - [`is_temporary`]: whether this crate made a name
//!
//! Incomplete files and directories lie beside their target under a hidden name,
//! `.gradus-ROLE-DIGEST-RANDOM`: DIGEST is made of the target's name, so that what a killed process
//! left is found again by the next one that writes the same target, and no other file is taken for
//! it. The names are short, whatever the target is called, and random, as process ids repeat in
//! containers.

mod access;
mod blame;
mod exchange;
mod lock;
mod names;
mod new_directory;
mod new_file;
mod same;
mod sync;
mod target;

pub use blame::is_about_the_path;
pub use lock::Lock;
pub use names::is_temporary;
pub use new_directory::{Contents, NewDirectory};
pub use new_file::{Existing, NewFile};
pub use same::{
    is_current_directory, is_mount_point, is_same_file, is_standard_input, is_standard_output,
};
pub use sync::{create_directories, sync_directory};
pub use target::Target;
