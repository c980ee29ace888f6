//! Which devices this build can use: the one place where Cargo features become devices.
//!
//! Every backend feature adds one entry to a list, fastest first. Everything else in
//! the workspace takes a [`Device`] and does not know where it came from.

use burn::tensor::Device;
#[cfg(any(
    feature = "cuda",
    feature = "rocm",
    feature = "metal",
    feature = "vulkan",
    feature = "wgpu"
))]
use burn::tensor::DeviceType;
use serde::Serialize;

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

/// Why no device could be chosen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The name is of no backend in this build.
    #[error("device `{name}`: this build has {}", compiled().join(", "))]
    NotCompiled {
        /// The name asked for.
        name: String,
    },
    /// The backend is compiled in and found no such device on this machine.
    #[error("device `{name}`: found {found} {backend} device(s) on this machine")]
    NotFound {
        /// The name asked for.
        name: String,
        /// Its backend.
        backend: &'static str,
        /// Devices of that backend.
        found: usize,
    },
    /// What stands behind the colon is not a number.
    #[error("device `{name}`: found index `{index}`, expected a number from 0, as in `cuda:1`")]
    Index {
        /// The name asked for.
        name: String,
        /// The text behind the colon.
        index: String,
    },
    /// No compiled-in backend has a device on this machine.
    #[error("no device: this build has {}, and none of them finds one on this machine", compiled().join(", "))]
    None,
}

impl DeviceError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::NotCompiled { name } => {
                let backend = name.split(':').next().unwrap_or(name);
                format!("build with `--features {backend}`, or run `gradus devices` for a list")
            }
            Self::NotFound { .. } | Self::Index { .. } => "run `gradus devices` for a list".into(),
            Self::None => "build with `--features cpu`, which needs nothing of the machine".into(),
        };
        Some(text)
    }
}

/// A device this build can use on this machine.
#[derive(Debug, Clone, Serialize)]
pub struct DeviceInfo {
    /// What `--device` takes: `cpu`, `cuda:0`.
    pub name: String,
    /// The backend in words.
    pub about: &'static str,
    /// Whether it is taken when none is named.
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

/// The device of this name (`cpu`, `wgpu`, `cuda:1`), or the fastest one when none is named.
///
/// # Errors
/// [`DeviceError`] when the backend is not compiled in or has no such device.
pub fn select(name: Option<&str>) -> Result<Device, DeviceError> {
    let Some(name) = name else {
        return BACKENDS
            .iter()
            .find_map(|backend| (backend.list)().into_iter().next())
            .ok_or(DeviceError::None);
    };
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
