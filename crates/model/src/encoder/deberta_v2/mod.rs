//! DeBERTa v2 and v3. See He et al. (2020, 2021), <https://arxiv.org/abs/2006.03654> and
//! <https://arxiv.org/abs/2111.09543>.

mod config;
mod module;
mod published;

pub use config::DebertaV2Config;
pub use module::DebertaV2;
