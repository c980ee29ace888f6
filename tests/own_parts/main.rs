//! The examples are whole programs: what they bring along trains, resumes, is saved, loaded, scored and compared.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod data;
mod loss;
mod metric;
mod model;
mod modules;
mod programs;
mod support;
