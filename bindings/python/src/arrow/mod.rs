//! Tables through Arrow's C interface: records are read where their texts lie, and scores come out as columns.

mod arrays;
mod column;
mod nested;
mod scores;
mod stream;
mod table;

pub(crate) use scores::{Columns, Scores};
pub(crate) use table::{Table, Texts, Wrong, texts};
