//! HCL 1 and JSON, read to one tree of values that knows the line of everything in it.
//!
//! HCL 1 is the language of configuration files of Consul and its relatives up to 2019. Its behaviour is taken from
//! `github.com/hashicorp/hcl` at v1.0.0, decoding to untyped values: `tests/against_go.rs` compares the two over a corpus.
//! It is not HCL 2: there are no expressions, `${...}` is text, and several attributes may stand on one line.
//!
//! What programs must know of its values:
//! - An object in an object is a list of objects, of one mostly: written again, it is one object more, since nothing
//!   tells a block from an attribute. A list written again is joined to the first one. Any other value is replaced.
//! - A block with labels (`service "web" { }`) is an object with the label as its only key.
//! - A text that begins with `{` is JSON.
//!
//! ```
//! let values = quorate_hcl::parse_hcl("ports { http = 8500 }\nretry_join = [\"a\"]").unwrap();
//! let ports = values.get("ports").unwrap();
//! assert_eq!(ports.line, 1);
//! assert_eq!(values.get("retry_join").unwrap().value.line, 2);
//! ```

mod cursor;
mod decode;
mod error;
mod hcl;
mod json;
mod number;
mod quoted;
mod token;
mod value;

pub use error::{Error, Problem};
pub use value::{Kind, Member, Object, Value};

/// Objects and lists inside one another. Files of people have less than ten; each level costs the reader some stack.
pub const DEPTH_MAX: usize = 100;

/// Reads HCL 1, or JSON if the text begins with `{`.
pub fn parse_hcl(text: &str) -> Result<Object, Error> {
    if text.trim_start().starts_with('{') { parse_json(text) } else { decode::object(hcl::parse(text)?) }
}

/// Reads a JSON object. A key that is given twice has its last value, as Go's decoder has it, and the line of the one
/// before.
pub fn parse_json(text: &str) -> Result<Object, Error> {
    json::parse(text)
}
