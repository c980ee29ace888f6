//! What a threshold of low scores is wished for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What flags below a threshold are to reach. A segment is *low* if its rating is at most the midpoint; a flag is
/// *wrong* on a segment that is not low, and a low segment without a flag is *missed*. Exhaustive: whoever chooses
/// a threshold must know each.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// At least this share of the flags on low segments; of all such thresholds the one that finds the most.
    Precision(f64),
    /// At least this share of the low segments flagged; of all such thresholds the one with the fewest flags.
    Recall(f64),
    /// The least cost.
    Cost {
        /// Cost of a wrong flag.
        wrong: f64,
        /// Cost of a missed low segment.
        missed: f64,
    },
}

/// A wish that cannot be.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WrongWish {
    /// A precision or recall outside 0 to 1, ends excluded.
    #[error("{name}: found {found}, expected a share above 0 and below 1, such as 0.8")]
    Share {
        /// `precision` or `recall`.
        name: &'static str,
        /// What was given.
        found: f64,
    },
    /// A cost that is not a positive finite number.
    #[error("cost: found {found}, expected two costs above 0, such as wrong:missed=5:1")]
    Cost {
        /// What was given.
        found: String,
    },
}

impl Wish {
    /// The wish itself, if it can be one.
    ///
    /// # Errors
    /// [`WrongWish`] for a share outside `(0, 1)` or a cost that is not finite and positive.
    pub fn checked(self) -> Result<Self, WrongWish> {
        let share = |name, found: f64| {
            if found > 0.0 && found < 1.0 {
                return Ok(self);
            }
            Err(WrongWish::Share { name, found })
        };
        match self {
            Self::Precision(found) => share("precision", found),
            Self::Recall(found) => share("recall", found),
            Self::Cost { wrong, missed } => {
                let is_cost = |cost: f64| cost > 0.0 && cost.is_finite();
                if is_cost(wrong) && is_cost(missed) {
                    return Ok(self);
                }
                let found = format!("wrong:missed={wrong}:{missed}");
                Err(WrongWish::Cost { found })
            }
        }
    }

    /// Reads costs such as `wrong:missed=5:1`, in either order.
    ///
    /// # Errors
    /// [`WrongWish::Cost`] for anything else.
    pub fn of_costs(text: &str) -> Result<Self, WrongWish> {
        let refused = || WrongWish::Cost {
            found: format!("`{text}`"),
        };
        let (names, costs) = text.split_once('=').ok_or_else(refused)?;
        let (first, second) = costs.split_once(':').ok_or_else(refused)?;
        let number = |text: &str| f64::from_str(text.trim()).map_err(|_| refused());
        let (first, second) = (number(first)?, number(second)?);
        let (wrong, missed) = match names.trim() {
            "wrong:missed" => (first, second),
            "missed:wrong" => (second, first),
            _ => return Err(refused()),
        };
        Self::Cost { wrong, missed }
            .checked()
            .map_err(|_| refused())
    }
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Precision(share) => write!(f, "precision of at least {share}"),
            Self::Recall(share) => write!(f, "recall of at least {share}"),
            Self::Cost { wrong, missed } => {
                write!(f, "least cost at wrong:missed={wrong}:{missed}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_read_in_either_order() {
        let five_to_one = Wish::Cost {
            wrong: 5.0,
            missed: 1.0,
        };
        for text in [
            "wrong:missed=5:1",
            "missed:wrong=1:5",
            "wrong:missed=5.0: 1",
        ] {
            assert_eq!(Wish::of_costs(text), Ok(five_to_one), "{text}");
        }
        for text in [
            "5:1",
            "wrong:missed",
            "wrong:missed=5",
            "wrong:missed=0:1",
            "wrong:missed=-1:1",
            "wrong:missed=nan:1",
            "wrong:wrong=1:1",
            "",
        ] {
            let message = Wish::of_costs(text).unwrap_err().to_string();
            assert!(message.contains(&format!("`{text}`")), "{message}");
        }
    }

    #[test]
    fn a_share_lies_between_none_and_all() {
        for share in [0.0, 1.0, -0.1, 1.5, f64::NAN] {
            assert!(Wish::Precision(share).checked().is_err(), "{share}");
            assert!(Wish::Recall(share).checked().is_err(), "{share}");
        }
        assert_eq!(Wish::Recall(0.5).checked(), Ok(Wish::Recall(0.5)));
    }

    #[test]
    fn a_wish_reads_back_from_json() {
        let cost = Wish::Cost {
            wrong: 5.0,
            missed: 1.0,
        };
        for (wish, json) in [
            (Wish::Precision(0.8), r#"{"precision":0.8}"#),
            (Wish::Recall(0.9), r#"{"recall":0.9}"#),
            (cost, r#"{"cost":{"wrong":5.0,"missed":1.0}}"#),
        ] {
            assert_eq!(serde_json::to_string(&wish).unwrap(), json);
            assert_eq!(serde_json::from_str::<Wish>(json).unwrap(), wish);
        }
    }
}
