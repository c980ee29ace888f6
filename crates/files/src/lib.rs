//! Atomic writes: files and directories are complete or absent. Reads of limited size.
//!
//! ```
//! use std::io::Write as _;
//! use gradus_files::{Existing, NewFile};
//!
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("scores.jsonl");
//! let mut file = NewFile::create(&path, Existing::Refuse)?;
//! file.write_all(b"{}\n")?;
//! assert!(!path.exists());
//! file.publish()?; // synced and renamed
//! assert!(path.exists());
//! # std::io::Result::Ok(())
//! ```
//!
//! - [`NewFile`]: a file that appears under its name when it is complete
//! - [`NewDirectory`]: the same for a directory, which may replace another
//! - [`Lock`]: keeps other processes from writing the same target
//! - [`Target`]: a path to write to, with links resolved
//! - [`is_same_file`], [`is_current_directory`], [`is_mount_point`]: what must not be overwritten
//! - [`is_about_the_path`]: whether the user or the machine caused an error
//! - [`read_bounded`], [`read_regular`]: a whole file, up to a limit
//! - [`is_file_name`]: whether a name stays within its directory
//! - [`is_temporary`]: whether a name is one of this crate's temporary names
//!
//! Incomplete files and directories have a hidden name beside their target,
//! `.gradus-ROLE-DIGEST-RANDOM`. DIGEST is a digest of the target's name, so the next process that
//! writes the same target finds what a killed process left, and no other file. Names are short,
//! whatever the target's name, and random, because process ids repeat in containers.

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
mod whole;

pub use blame::is_about_the_path;
pub use lock::Lock;
pub use names::{is_file_name, is_temporary};
pub use new_directory::{Contents, NewDirectory};
pub use new_file::{Existing, NewFile};
pub use same::{
    is_current_directory, is_mount_point, is_same_file, is_standard_input, is_standard_output,
};
pub use sync::{create_directories, sync_directory};
pub use target::Target;
pub use whole::{MOST_BYTES, MOST_SETTINGS, read_bounded, read_regular};
