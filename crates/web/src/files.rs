//! Files by their names, as they cross between the page and this module.

use std::collections::BTreeMap;

use wasm_bindgen::prelude::wasm_bindgen;

/// Files by their names: of a bundle, or of the state of a run.
#[wasm_bindgen]
#[derive(Debug, Default)]
pub struct Files(pub(crate) BTreeMap<String, Vec<u8>>);

#[wasm_bindgen]
impl Files {
    /// No files.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file, or replaces the one of this name.
    pub fn add(&mut self, name: String, content: Vec<u8>) {
        self.0.insert(name, content);
    }

    /// The names, in alphabetical order.
    pub fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    /// Takes a file out; nothing where there is none of this name.
    pub fn take(&mut self, name: &str) -> Option<Vec<u8>> {
        self.0.remove(name)
    }
}
