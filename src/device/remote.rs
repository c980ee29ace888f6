//! Remote devices, through Burn's remote backend.
//!
//! Burn connects, sends operations and reads results. This module names the devices, limits the
//! wait for an answer to [`PATIENCE`], and finds the worker that is gone after a failure.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use burn::tensor::Device;
use burn::tensor::remote::{ConnectError, RemoteHost};

use super::{DeviceError, TOKEN_VARIABLE};

/// Maximum time for a worker to answer. Burn retries refused connections for 16 seconds, and has no
/// time limit for a host that does not answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Remote devices in use, by name.
static CONNECTED: Mutex<Vec<(String, Device)>> = Mutex::new(Vec::new());

/// Connects the device `name`, which starts with `remote:`.
pub(super) fn connect(name: &str) -> Result<Device, DeviceError> {
    let (url, index) = parse(name)?;
    let token = std::env::var(TOKEN_VARIABLE).unwrap_or_default();
    let token = token.trim();
    let given = !token.is_empty();
    let host = RemoteHost::websocket(url).with_credential(token);
    let (sender, answer) = mpsc::channel();
    // On a separate thread, which is abandoned if no answer comes.
    thread::spawn(move || {
        let connected = Device::remote_options(&host).device_index(index).init();
        // Fails only after the time limit.
        let _ = sender.send(connected);
    });
    let unreachable = |reason: String| DeviceError::Unreachable {
        name: name.into(),
        reason,
    };
    let connected = answer
        .recv_timeout(PATIENCE)
        .map_err(|_| unreachable(format!("no answer within {} seconds", PATIENCE.as_secs())))?;
    let device = connected.map_err(|error| match error {
        ConnectError::Unauthorized => DeviceError::Refused {
            name: name.into(),
            given,
        },
        ConnectError::NoSuchDevice { device_count } => DeviceError::RemoteNotFound {
            name: name.into(),
            found: device_count,
        },
        ConnectError::Unreachable { reason } => unreachable(reason),
        other => unreachable(other.to_string()),
    })?;
    let mut connected = CONNECTED.lock().unwrap_or_else(PoisonError::into_inner);
    connected.push((name.into(), device.clone()));
    Ok(device)
}

/// The first remote device in use whose worker no longer answers.
pub(super) fn lost() -> Option<String> {
    let connected = CONNECTED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let gone = |device: &Device| {
        // Burn panics if the failure has reached the thread that serves the device.
        !matches!(catch_unwind(AssertUnwindSafe(|| device.sync())), Ok(Ok(())))
    };
    connected
        .into_iter()
        .find_map(|(name, device)| gone(&device).then_some(name))
}

/// Address and index of `remote:ws://HOST:PORT#INDEX`.
fn parse(name: &str) -> Result<(&str, usize), DeviceError> {
    let wrong = |problem: String| DeviceError::RemoteName {
        name: name.into(),
        problem,
    };
    let target = name.strip_prefix(super::REMOTE).unwrap_or(name);
    let (url, index) = match target.split_once('#') {
        None => (target, 0),
        Some((url, index)) => {
            let number = index
                .parse()
                .map_err(|_| wrong(format!("index `{index}`")))?;
            (url, number)
        }
    };
    let url = url.trim_end_matches('/');
    let Some(address) = url.strip_prefix("ws://") else {
        return Err(wrong(format!("address `{url}`")));
    };
    let Some((host, port)) = address.rsplit_once(':') else {
        return Err(wrong("no port".into()));
    };
    if host.is_empty() {
        return Err(wrong("no host".into()));
    }
    if port.parse::<u16>().is_err() {
        return Err(wrong(format!("port `{port}`")));
    }
    Ok((url, index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_an_address_and_an_index() {
        let parsed = |name| parse(name).unwrap();
        assert_eq!(parsed("remote:ws://gpu:3000"), ("ws://gpu:3000", 0));
        assert_eq!(parsed("remote:ws://gpu:3000/#2"), ("ws://gpu:3000", 2));
        assert_eq!(parsed("remote:ws://[::1]:3000#1"), ("ws://[::1]:3000", 1));
    }

    #[test]
    fn a_wrong_name_says_what_is_wrong_and_what_is_right() {
        for (name, problem) in [
            ("remote:", "address ``"),
            ("remote:gpu:3000", "address `gpu:3000`"),
            ("remote:http://gpu:3000", "address `http://gpu:3000`"),
            ("remote:ws://gpu", "no port"),
            ("remote:ws://:3000", "no host"),
            ("remote:ws://gpu:3000#last", "index `last`"),
            ("remote:ws://gpu:3000/session", "port `3000/session`"),
            ("remote:ws://gpu:99999", "port `99999`"),
        ] {
            let error = parse(name).unwrap_err();
            let text = error.to_string();
            assert!(text.contains(problem), "{text}");
            assert!(text.contains("expected `remote:ws://HOST:PORT`"), "{text}");
            assert!(error.is_input());
        }
    }
}
