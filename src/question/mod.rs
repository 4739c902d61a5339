/*!
Questions to a finished run: what its arrays say of one query, or of one example.

They are answered from the run directory. Of the large arrays only the rows and columns in question are read.
*/

mod extremes;
mod top;

pub(crate) use extremes::extremes;
pub use top::{Asked, Moved, Top, top};
