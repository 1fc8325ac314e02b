//! What one evaluation may cost.

use super::error::EvalError;

/// The bounds of one evaluation. The defaults fit every definition we have met and hold a hostile
/// one to some hundred milliseconds and some hundred megabytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Nodes evaluated, and items that functions walk over.
    pub steps: u64,
    /// Bytes of the values that functions build, together.
    pub bytes: u64,
    /// Nesting of arrays and objects in a value.
    pub depth: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            steps: 10_000_000,
            bytes: 256 << 20,
            depth: 120,
        }
    }
}

/// What is left of the [`Limits`]. One budget may serve several evaluations, which then share it.
#[derive(Debug, Clone)]
pub struct Budget {
    limits: Limits,
    steps_left: u64,
    bytes_left: u64,
}

impl Budget {
    pub fn new(limits: Limits) -> Budget {
        Budget {
            limits,
            steps_left: limits.steps,
            bytes_left: limits.bytes,
        }
    }

    /// How many steps and bytes were spent so far.
    pub fn spent(&self) -> (u64, u64) {
        (
            self.limits.steps - self.steps_left,
            self.limits.bytes - self.bytes_left,
        )
    }

    pub(super) fn steps(&mut self, count: u64) -> Result<(), EvalError> {
        self.steps_left = self.steps_left.checked_sub(count).ok_or_else(|| {
            EvalError::limit(format!(
                "The expression needs more than {} steps.",
                self.limits.steps
            ))
        })?;
        Ok(())
    }

    /// To be asked before the bytes are allocated.
    pub(super) fn bytes(&mut self, count: u64) -> Result<(), EvalError> {
        self.bytes_left = self.bytes_left.checked_sub(count).ok_or_else(|| {
            EvalError::limit(format!(
                "The expression builds more than {} bytes of values.",
                self.limits.bytes
            ))
        })?;
        Ok(())
    }

    /// Charges what a value weighs when written out, and refuses one that nests too deep.
    pub(crate) fn bytes_of(&mut self, value: &crate::value::Value) -> Result<(), EvalError> {
        self.depth(value.depth())?;
        self.bytes(value.weight())
    }

    pub(super) fn depth(&self, depth: u32) -> Result<(), EvalError> {
        if depth <= self.limits.depth {
            return Ok(());
        }
        Err(EvalError::limit(format!(
            "The value nests deeper than {} levels.",
            self.limits.depth
        )))
    }
}

impl Default for Budget {
    fn default() -> Self {
        Budget::new(Limits::default())
    }
}
