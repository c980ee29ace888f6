//! Where a result comes from, and what it took.

use std::path::Path;
use std::time::Instant;

use gradus_data::TextsDigest;
use serde::{Deserialize, Serialize};

use super::Machine;

/// Where a result comes from, and what it took. Time and energy are those of the process that ended the run: if it was
/// interrupted before (`starts` above 1), they are not those of the whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of the program.
    pub version: String,
    /// SHA-256 of the program's file, in hexadecimal; `None` if it cannot be read.
    pub program_sha256: Option<String>,
    /// The machine.
    pub machine: Machine,
    /// The device.
    pub device: String,
    /// Digest of the texts that the model was trained on.
    pub train: TextsDigest,
    /// Digest of the texts that its weights were chosen on.
    pub valid: TextsDigest,
    /// How often the run was started until it was complete.
    pub starts: usize,
    /// Wall time in seconds, of the last start.
    pub wall_seconds: f64,
    /// Processor time in seconds, of all threads, of the last start; `None` where the system does not tell.
    pub cpu_seconds: Option<f64>,
    /// Energy in joules that the processor packages used meanwhile, by all processes; `None` where the system does not
    /// tell.
    pub energy_joules: Option<f64>,
}

/// Measures a run from its start.
#[derive(Debug)]
pub struct Meter {
    start: Instant,
    energy: Vec<(String, f64)>,
}

/// Domains of Intel's and AMD's energy counters.
const POWERCAP: &str = "/sys/class/powercap";
/// Clock ticks per second in `/proc/PID/stat`: the same on every Linux that Rust supports.
const TICKS: f64 = 100.0;

impl Meter {
    /// Starts to measure.
    pub fn start() -> Self {
        Self {
            start: Instant::now(),
            energy: packages(Path::new(POWERCAP)),
        }
    }

    /// Wall time since the start in seconds.
    pub fn wall_seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// Energy since the start in joules. A counter that has begun anew, as it does after hours, is counted once with
    /// its range.
    pub fn energy_joules(&self) -> Option<f64> {
        let now = packages(Path::new(POWERCAP));
        let range =
            |name: &str| microjoules(&Path::new(POWERCAP).join(name), "max_energy_range_uj");
        used(&self.energy, &now, range)
    }
}

/// Processor time of this process in seconds; `None` where the system does not tell.
pub fn cpu_seconds() -> Option<f64> {
    ticks(&fs_err::read_to_string("/proc/self/stat").ok()?).map(|ticks| ticks / TICKS)
}

/// User and system time in a process's `stat`, fields 14 and 15; the name in field 2 may contain anything.
fn ticks(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<f64>().ok();
    Some(next()? + next()?)
}

/// The energy counters of the packages, in joules: domains such as `intel-rapl:0`, without the parts of a package.
fn packages(folder: &Path) -> Vec<(String, f64)> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_package = name.starts_with("intel-rapl:") && name.matches(':').count() == 1;
        if let (true, Some(joules)) = (is_package, microjoules(&entry.path(), "energy_uj")) {
            found.push((name, joules));
        }
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}

fn microjoules(folder: &Path, file: &str) -> Option<f64> {
    let text = fs_err::read_to_string(folder.join(file)).ok()?;
    text.trim().parse::<f64>().ok().map(|value| value / 1e6)
}

fn used(
    before: &[(String, f64)],
    now: &[(String, f64)],
    range: impl Fn(&str) -> Option<f64>,
) -> Option<f64> {
    if before.is_empty() || before.len() != now.len() {
        return None;
    }
    let parts = before.iter().zip(now).map(|((name, before), (_, now))| {
        if now >= before {
            Some(now - before)
        } else {
            Some(now + range(name)? - before)
        }
    });
    parts.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_user_and_system_time() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 1 0 5 1 2";
        assert_eq!(ticks(stat), Some(300.0));
        assert_eq!(ticks("7 (a"), None);
    }

    #[test]
    fn energy_is_the_sum_over_packages_even_if_a_counter_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        for (name, value) in [
            ("intel-rapl:0", "5000000"),
            ("intel-rapl:0:0", "1"),
            ("x", "9"),
        ] {
            let domain = folder.path().join(name);
            fs_err::create_dir(&domain).unwrap();
            fs_err::write(domain.join("energy_uj"), value).unwrap();
        }
        let before = packages(folder.path());
        assert_eq!(before, [("intel-rapl:0".to_owned(), 5.0)]);
        let now = [("intel-rapl:0".to_owned(), 7.5)];
        assert_eq!(used(&before, &now, |_| None), Some(2.5));
        let wrapped = [("intel-rapl:0".to_owned(), 1.0)];
        assert_eq!(used(&before, &wrapped, |_| Some(10.0)), Some(6.0));
        assert_eq!(used(&before, &wrapped, |_| None), None);
        assert_eq!(used(&[], &[], |_| None), None);
    }
}
