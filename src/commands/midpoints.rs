//! `--midpoint`: where ratings are cut in two.

use anyhow::Result;
use gradus::eval::Aspect;

use crate::failure::Usage;

/// The arguments, each for every aspect or for one.
pub(crate) struct Midpoints(Vec<(Option<String>, f64)>);

impl Midpoints {
    pub(crate) fn parse(texts: &[String]) -> Result<Self> {
        let midpoints = texts.iter().map(|text| midpoint(text));
        Ok(Self(midpoints.collect::<Result<_>>()?))
    }

    /// The aspects `names`, with their midpoints.
    pub(crate) fn aspects(&self, names: &[String]) -> Result<Vec<Aspect>> {
        for name in self.0.iter().filter_map(|(name, _)| name.as_ref()) {
            if !names.contains(name) {
                return Err(Usage::new(format!(
                    "--midpoint: found the aspect `{name}`, expected one of: {}",
                    names.join(", ")
                ))
                .into());
            }
        }
        let midpoint = |name: &String| {
            let mut given = self.0.iter().rev();
            let own = given.find(|(of, _)| of.as_ref().is_none_or(|of| of == name));
            own.map(|&(_, value)| value)
        };
        let aspects = names.iter().map(|name| Aspect {
            name: name.clone(),
            midpoint: midpoint(name),
        });
        Ok(aspects.collect())
    }
}

/// A midpoint argument: `0.5` for every aspect, or `factuality=0.5`.
fn midpoint(text: &str) -> Result<(Option<String>, f64)> {
    let (name, number) = match text.rsplit_once('=') {
        Some((name, number)) => (Some(name.to_owned()), number),
        None => (None, text),
    };
    match number.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok((name, value)),
        _ => Err(Usage::new(format!(
            "--midpoint: found `{text}`, expected a finite number, or ASPECT=NUMBER"
        ))
        .into()),
    }
}
