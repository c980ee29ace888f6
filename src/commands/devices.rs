//! `gradus devices`

use anyhow::Result;
use gradus::device;

use crate::show;

pub(crate) fn run(json: bool) -> Result<()> {
    let available = device::available();
    if json {
        return show::json(&available);
    }
    let rows = available.iter().map(|device| {
        let default = if device.default { "default" } else { "" };
        vec![
            device.name.clone(),
            device.about.to_string(),
            default.to_string(),
        ]
    });
    show::line(&show::table(&["device", "description", ""], rows))?;
    for backend in device::compiled() {
        let found = available
            .iter()
            .any(|device| device.name.starts_with(backend));
        if !found {
            show::line(&format!(
                "{backend}: compiled in, no device on this machine"
            ))?;
        }
    }
    Ok(())
}
