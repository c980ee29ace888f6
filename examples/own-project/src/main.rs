//! `gradus` with a pooling and a loss of our own.

mod pinball;
mod prompt_gate;

use std::process::ExitCode;

use gradus::Registry;

fn registry() -> Registry {
    Registry::new()
        .with_pooling::<prompt_gate::PromptGate>()
        .with_loss::<pinball::Pinball>()
}

fn main() -> ExitCode {
    gradus::cli::main_with(registry())
}

#[cfg(test)]
mod tests {
    use gradus::RunConfig;

    use super::*;

    #[test]
    fn the_run_configuration_names_parts_that_this_program_has() {
        registry().install().unwrap();
        let config = RunConfig::load("run.toml".as_ref()).unwrap();
        config.check().unwrap();
        assert_eq!(config.training.loss.to_string(), "pinball:0.5");
    }
}
