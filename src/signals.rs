//! Ctrl-C and its relatives: a run that is asked to stop ends well.

use std::io;
use std::thread;
use std::time::Duration;

use gradus::train::StopHandle;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::failure::STOPPED;
use crate::show;

/// How often the handle is looked at, to tell the user that the signal has arrived.
const PAUSE: Duration = Duration::from_millis(50);

/// Writing past the largest size that a file may have (`ulimit -f`) fails, and so has a message, where the
/// system would end the process without one.
#[cfg(unix)]
pub(crate) fn fail_past_file_limit() {
    use std::sync::Arc;
    // The flag is not looked at: that the signal is handled is all that is needed. Where it cannot be, the
    // system does as it would.
    let _ = flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
}

/// Other systems have no such limit.
#[cfg(not(unix))]
pub(crate) fn fail_past_file_limit() {}

/// Asks the run to stop on the first SIGINT (Ctrl-C) or SIGTERM, and ends the process at once on
/// the second. SIGHUP stays as it is, so that `nohup` works.
pub(crate) fn stop_on_signal(stop: &StopHandle) -> io::Result<()> {
    for signal in [SIGINT, SIGTERM] {
        // Both look at the same flag: the first signal finds it unset and sets it.
        flag::register_conditional_shutdown(signal, STOPPED.into(), stop.flag())?;
        flag::register(signal, stop.flag())?;
    }
    let stop = stop.clone();
    thread::Builder::new()
        .name("gradus-signals".into())
        .spawn(move || {
            while !stop.is_stopped() {
                thread::sleep(PAUSE);
            }
            show::status("stopping after this step; a second Ctrl-C stops at once");
        })?;
    Ok(())
}
