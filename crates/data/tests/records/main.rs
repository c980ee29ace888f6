//! Records from files: what is read, what is refused, and that nothing changes on the way.

mod arbitrary;
mod files;
mod messages;
mod round_trip;
mod statistics;
