//! Whole numbers with bounds.

use crate::patch::Parse;
use crate::violation::Violation;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A whole number from `MIN` to `MAX`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Int<const MIN: i64, const MAX: i64>(i64);

impl<const MIN: i64, const MAX: i64> Int<MIN, MAX> {
    /// Checks the bounds.
    pub fn new(number: i64) -> Result<Self, Violation> {
        if (MIN..=MAX).contains(&number) { Ok(Self(number)) } else { Err(Self::out_of_range()) }
    }

    /// The number.
    pub fn get(self) -> i64 {
        self.0
    }

    fn out_of_range() -> Violation {
        Violation::new("range", format!("must be a whole number from {MIN} to {MAX}"))
    }
}

impl<const MIN: i64, const MAX: i64> Parse for Int<MIN, MAX> {
    fn parse(value: &Value) -> Result<Self, Violation> {
        if !value.is_number() {
            return Err(Violation::not_a("a whole number"));
        }
        let whole = value.as_i64().or_else(|| without_fraction(value.as_f64()?));
        whole.ok_or_else(Self::out_of_range).and_then(Self::new)
    }
}

/// One number, however it is written: 10.0 is 10. Beyond 2^53 a number with a fraction is another one
/// than was written.
fn without_fraction(number: f64) -> Option<i64> {
    let exact = number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and within the limit")]
    exact.then_some(number as i64)
}

/// The id of something in the customer-success tool: int64, not negative.
pub type Reference = Int<0, { i64::MAX }>;

/// Net promoter score: -100 to 100.
pub type NpsScore = Int<-100, 100>;

/// Any int64.
pub type AnyInt = Int<{ i64::MIN }, { i64::MAX }>;
