//! Peak memory of the process.

/// Peak memory of the process since its start or [`reset_peak_memory`], in bytes; `None` on systems
/// other than Linux.
pub fn peak_memory() -> Option<u64> {
    let status = fs_err::read_to_string("/proc/self/status").ok()?;
    kilobytes(&status, "VmHWM:").map(|kilobytes| 1024 * kilobytes)
}

/// Resets [`peak_memory`]. Returns whether the system supports it.
pub fn reset_peak_memory() -> bool {
    // 5 resets the high-water mark; see proc_pid_clear_refs(5).
    fs_err::write("/proc/self/clear_refs", "5").is_ok()
}

fn kilobytes(status: &str, key: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_from_the_status_of_a_process() {
        let status = "Name:\tgradus\nVmPeak:\t  900 kB\nVmHWM:\t  420 kB\nVmRSS:\t  400 kB\n";
        assert_eq!(kilobytes(status, "VmHWM:"), Some(420));
        assert_eq!(kilobytes("Name:\tgradus\n", "VmHWM:"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn memory_that_is_used_shows() {
        let before = peak_memory().unwrap();
        let block = std::hint::black_box(vec![1u8; 256 << 20]);
        assert!(peak_memory().unwrap() >= before.max(block.len() as u64));
    }
}
