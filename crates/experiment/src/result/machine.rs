//! The machine that a run was computed on.

use serde::{Deserialize, Serialize};

/// A machine, as far as its system describes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Machine {
    /// Its name in the network; `None` where the system does not tell.
    pub host: Option<String>,
    /// Operating system and architecture, as Rust names them.
    pub system: String,
    /// Model of the processor; `None` where the system does not tell.
    pub processor: Option<String>,
    /// Threads that the system offers this process.
    pub threads: usize,
    /// Instruction sets of the processor that change how numbers are computed.
    pub features: Vec<String>,
}

impl Machine {
    /// This machine.
    pub fn this() -> Self {
        let host = fs_err::read_to_string("/proc/sys/kernel/hostname");
        let processors = fs_err::read_to_string("/proc/cpuinfo");
        Self {
            host: host.ok().map(|name| name.trim().to_owned()),
            system: format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH),
            processor: processors.ok().as_deref().and_then(model),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            features: features(),
        }
    }

    /// A short description.
    pub fn short(&self) -> String {
        let host = self.host.as_deref().unwrap_or("a machine");
        let processor = self.processor.as_deref().unwrap_or(&self.system);
        format!("{host} ({processor}, {} threads)", self.threads)
    }
}

fn model(processors: &str) -> Option<String> {
    let mut lines = processors.lines();
    let line = lines.find_map(|line| line.strip_prefix("model name"))?;
    Some(line.trim_start_matches([' ', '\t', ':']).trim().to_owned())
}

#[cfg(target_arch = "x86_64")]
fn features() -> Vec<String> {
    let found = [
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
        ("fma", std::arch::is_x86_feature_detected!("fma")),
        ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
        (
            "avx512bf16",
            std::arch::is_x86_feature_detected!("avx512bf16"),
        ),
        (
            "avx512vnni",
            std::arch::is_x86_feature_detected!("avx512vnni"),
        ),
    ];
    let found = found.into_iter().filter(|(_, there)| *there);
    found.map(|(name, _)| name.to_owned()).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn features() -> Vec<String> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_read_from_its_description() {
        let text = "processor\t: 0\nmodel name\t: A Chip 3000\nflags\t: avx2\n";
        assert_eq!(model(text).as_deref(), Some("A Chip 3000"));
        assert_eq!(model("processor\t: 0\n"), None);
        let machine = Machine::this();
        assert!(machine.threads > 0 && !machine.short().is_empty());
    }
}
