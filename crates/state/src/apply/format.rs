//! Activating a format. What is written from then on is read only by those who know it, so there is no way back.

use crate::apply::Outcome;
use crate::{FORMAT_NEWEST, Format, State};

impl State {
    /// Raises the active format; an older one changes nothing. A server that does not know the format never gets here:
    /// the command is written in it, and can't be decoded.
    pub(super) fn activate_format(&mut self, format: Format) -> Outcome {
        if format > FORMAT_NEWEST {
            return Err(format!(
                "format {format} can't be activated: this Quorate knows formats up to {FORMAT_NEWEST}"
            ));
        }
        self.header.format = self.header.format.max(format);
        Ok(())
    }
}
