//! Parts of other programs, by name.
//!
//! A program may add losses, poolings, segmenters and formats to those of Gradus. Each has a trait of its
//! own, in the crate that uses it; what they share is here: how files write a part, and the list of those
//! that a process knows.
//!
//! | as it is written | part |
//! |---|---|
//! | `"huber:0.1"` | text: the name, and after a colon one setting |
//! | `{ kind = "my-gate", sharpness = 2.0 }` | table: the name, and any settings |

mod kinds;
mod own_part;
mod text;

pub use kinds::{Kinds, PartConflict, PartInfo};
pub use own_part::{OwnPart, read_settings};
pub use text::{plain, usage, write, written};
