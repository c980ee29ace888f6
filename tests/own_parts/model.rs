//! A whole model of another program, without a command line.

use crate::support::Program;

#[test]
fn a_whole_model_resumes_to_the_same_figures_and_is_compared() {
    let own = Program::alone("own_model");
    let whole = own.succeed(&["whole"]);
    own.kill_at_step(&["killed"], "killed", "killed/checkpoints", 40);
    assert_eq!(
        own.succeed(&["killed"]),
        whole,
        "the resumed run has other figures"
    );

    let mse = |name: &str| -> f64 {
        let text = whole.lines().find_map(|line| {
            line.strip_prefix(name)?
                .strip_prefix(": MSE Some(")?
                .strip_suffix(')')
        });
        text.unwrap().parse().unwrap()
    };
    assert!(mse("trained") < 0.8 * mse("untrained"), "{whole}");
    let sentence = whole.lines().last().unwrap();
    assert!(
        sentence.contains("trained") && sentence.contains("better"),
        "{sentence}"
    );
}
