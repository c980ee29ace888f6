//! The device that this module computes on.

use burn::tensor::Device;
use wasm_bindgen::JsError;
use wasm_bindgen::prelude::wasm_bindgen;

#[cfg(not(any(feature = "flex", feature = "webgpu")))]
compile_error!("choose a device for the page: `--features flex` or `--features webgpu`");
#[cfg(all(feature = "flex", feature = "webgpu"))]
compile_error!("a module has one device: build another one for the other");

/// Makes the device ready, once, before anything else is called. Resolves to its name: `cpu` or `webgpu`.
///
/// # Errors
/// If the browser gives no device.
#[wasm_bindgen(js_name = startDevice)]
pub async fn start_device() -> Result<String, JsError> {
    cfg_select! {
        feature = "webgpu" => match Device::wgpu_options().init_async().await {
            Ok(_) => Ok("webgpu".to_owned()),
            Err(error) => Err(JsError::new(&error.to_string())),
        },
        _ => Ok("cpu".to_owned()),
    }
}

/// The device, once it is ready.
pub(crate) fn device() -> Device {
    cfg_select! {
        feature = "webgpu" => Device::wgpu(burn::tensor::DeviceKind::DefaultDevice),
        _ => Device::flex(),
    }
}

/// Whether the state of a run can be read from the device without waiting for it.
pub(crate) const KEEPS_STATES: bool = !cfg!(feature = "webgpu");
