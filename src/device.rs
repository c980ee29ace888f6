//! The devices of this build: the only place where Cargo features become devices.
//!
//! Every backend feature adds one entry to a list, fastest first. All other code in the workspace
//! takes a [`Device`]. With the feature `remote`, names that start with `remote:` are devices
//! served by a `gradus worker`.

mod error;
#[cfg(feature = "remote")]
mod gate;
#[cfg(feature = "remote")]
mod remote;
#[cfg(feature = "remote")]
mod worker;

pub use error::*;
#[cfg(feature = "remote")]
pub use worker::*;

use burn::tensor::Device;
#[cfg(any(
    feature = "cuda",
    feature = "rocm",
    feature = "metal",
    feature = "vulkan",
    feature = "wgpu"
))]
use burn::tensor::DeviceType;
use gradus_train::SharedDevice;
use serde::Serialize;

/// Environment variable with a worker's token.
pub const TOKEN_VARIABLE: &str = "GRADUS_WORKER_TOKEN";
/// Prefix of remote device names.
const REMOTE: &str = "remote:";

/// A compiled-in backend.
struct Backend {
    name: &'static str,
    about: &'static str,
    list: fn() -> Vec<Device>,
}

/// Compiled-in backends, fastest first: the first one with a device is the default.
const BACKENDS: &[Backend] = &[
    #[cfg(feature = "cuda")]
    Backend {
        name: "cuda",
        about: "NVIDIA GPU through CUDA",
        list: || Device::enumerate(DeviceType::Cuda).into_vec(),
    },
    #[cfg(feature = "rocm")]
    Backend {
        name: "rocm",
        about: "AMD GPU through ROCm",
        list: || Device::enumerate(DeviceType::Rocm).into_vec(),
    },
    #[cfg(feature = "metal")]
    Backend {
        name: "metal",
        about: "Apple GPU through Metal",
        list: || Device::enumerate(DeviceType::Metal).into_vec(),
    },
    #[cfg(feature = "vulkan")]
    Backend {
        name: "vulkan",
        about: "GPU through Vulkan",
        list: || Device::enumerate(DeviceType::Vulkan).into_vec(),
    },
    #[cfg(feature = "wgpu")]
    Backend {
        name: "wgpu",
        about: "GPU through WebGPU's API, on Vulkan, Metal or DirectX 12",
        list: || Device::enumerate(DeviceType::Wgpu).into_vec(),
    },
    #[cfg(feature = "cpu")]
    Backend {
        name: "cpu",
        about: "CPU, pure Rust (Burn Flex)",
        list: || vec![Device::flex()],
    },
    #[cfg(feature = "ndarray")]
    Backend {
        name: "ndarray",
        about: "CPU through ndarray, kept for comparison",
        list: || {
            #[expect(
                deprecated,
                reason = "Burn deprecates ndarray; the feature exists to compare"
            )]
            let device = Device::ndarray();
            vec![device]
        },
    },
];

/// A device this build can use on this machine.
#[derive(Debug, Clone, Serialize)]
pub struct DeviceInfo {
    /// Name for `--device`: `cpu`, `cuda:0`.
    pub name: String,
    /// Description of the backend.
    pub about: &'static str,
    /// Whether it is the default.
    pub default: bool,
}

/// Names of the compiled-in backends, fastest first.
pub fn compiled() -> Vec<&'static str> {
    BACKENDS.iter().map(|backend| backend.name).collect()
}

/// Devices this build can use on this machine, the default first.
pub fn available() -> Vec<DeviceInfo> {
    let names = BACKENDS.iter().flat_map(|backend| {
        (0..(backend.list)().len()).map(move |index| (format!("{}:{index}", backend.name), backend))
    });
    names
        .enumerate()
        .map(|(rank, (name, backend))| DeviceInfo {
            name,
            about: backend.about,
            default: rank == 0,
        })
        .collect()
}

/// Whether a device is the processor by way of the backend `cpu`.
pub fn is_cpu(device: &Device) -> bool {
    let mut cpu = BACKENDS.iter().filter(|backend| backend.name == "cpu");
    cpu.any(|backend| (backend.list)().contains(device))
}

/// Selects a device by name (`cpu`, `wgpu`, `cuda:1`, `remote:ws://gpu:3000`); without a name, the
/// fastest of this machine.
///
/// Connects remote devices before it returns, which takes up to 20 seconds if no worker answers.
///
/// # Errors
/// [`DeviceError`] if the backend is not compiled in or has no such device, or if the worker of a
/// remote device cannot be reached or refuses.
pub fn select(name: Option<&str>) -> Result<Device, DeviceError> {
    let Some(name) = name else {
        return BACKENDS
            .iter()
            .find_map(|backend| (backend.list)().into_iter().next())
            .ok_or(DeviceError::None);
    };
    if name.contains(',') {
        return Err(DeviceError::Several { name: name.into() });
    }
    if name.starts_with(REMOTE) {
        return select_remote(name);
    }
    let (backend_name, index) = match name.split_once(':') {
        None => (name, 0),
        Some((backend, index)) => match index.parse() {
            Ok(number) => (backend, number),
            Err(_) => {
                return Err(DeviceError::Index {
                    name: name.into(),
                    index: index.into(),
                });
            }
        },
    };
    let backend = BACKENDS
        .iter()
        .find(|backend| backend.name == backend_name)
        .ok_or_else(|| DeviceError::NotCompiled { name: name.into() })?;
    let devices = (backend.list)();
    let found = devices.len();
    devices
        .into_iter()
        .nth(index)
        .ok_or_else(|| DeviceError::NotFound {
            name: name.into(),
            backend: backend.name,
            found,
        })
}

/// Selects devices by names separated by commas; without names, the fastest.
///
/// A name may occur twice: two threads then share the device.
///
/// # Errors
/// [`DeviceError`] if one of them cannot be used.
pub fn select_all(names: Option<&str>) -> Result<Vec<SharedDevice>, DeviceError> {
    let Some(names) = names else {
        return Ok(vec![SharedDevice {
            device: select(None)?,
            generator: String::new(),
        }]);
    };
    let devices = names.split(',').map(|name| {
        let name = name.trim();
        // The devices of a backend, and those of a worker, share one random generator.
        let end = if name.starts_with(REMOTE) { '#' } else { ':' };
        Ok(SharedDevice {
            device: select(Some(name))?,
            generator: name.split(end).next().unwrap_or(name).into(),
        })
    });
    devices.collect()
}

#[cfg(feature = "remote")]
fn select_remote(name: &str) -> Result<Device, DeviceError> {
    remote::connect(name)
}

#[cfg(not(feature = "remote"))]
fn select_remote(name: &str) -> Result<Device, DeviceError> {
    Err(DeviceError::RemoteNotCompiled { name: name.into() })
}

/// After a failure: the name of a remote device in use whose worker no longer answers.
pub fn lost() -> Option<String> {
    #[cfg(feature = "remote")]
    return remote::lost();
    #[cfg(not(feature = "remote"))]
    None
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_is_found_by_name_and_by_number() {
        assert_eq!(select(Some("cpu")).unwrap(), Device::flex());
        assert_eq!(select(Some("cpu:0")).unwrap(), Device::flex());
    }

    #[test]
    fn a_backend_that_is_not_compiled_in_is_named_with_what_is() {
        let error = select(Some("abacus")).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("device `abacus`: this build has ")
        );
        assert!(error.hint().unwrap().contains("--features abacus"));
    }

    #[test]
    fn several_devices_are_for_those_who_share_work() {
        let devices = select_all(Some("cpu, cpu:0")).unwrap();
        assert_eq!(devices.len(), 2);
        assert_eq!(devices[0], devices[1]);
        assert!(matches!(
            select(Some("cpu,cpu")),
            Err(DeviceError::Several { .. })
        ));
        assert!(select_all(Some("cpu,")).is_err());
    }

    #[cfg(not(feature = "remote"))]
    #[test]
    fn a_remote_device_names_the_feature_it_needs() {
        let error = select(Some("remote:ws://127.0.0.1:3000")).unwrap_err();
        assert!(error.hint().unwrap().contains("--features remote"));
        assert!(error.is_input());
    }

    #[test]
    fn a_device_beyond_the_last_is_refused() {
        assert!(matches!(
            select(Some("cpu:7")),
            Err(DeviceError::NotFound { found: 1, .. })
        ));
        assert!(matches!(
            select(Some("cpu:x")),
            Err(DeviceError::Index { .. })
        ));
    }

    #[test]
    fn exactly_one_available_device_is_the_default() {
        assert_eq!(
            available().iter().filter(|device| device.default).count(),
            1
        );
    }
}
