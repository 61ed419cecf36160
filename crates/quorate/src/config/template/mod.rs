//! Templates of addresses, as HashiCorp's go-sockaddr has them: `{{ GetPrivateIP }}`, `{{ GetInterfaceIP "eth0" }}`,
//! `{{ GetAllInterfaces | include "type" "IPv4" | sort "size" | attr "address" }}`.
//!
//! ```text
//! template = { text | "{{" pipeline "}}" }
//! pipeline = call { "|" call }             what one gives is the last argument of the next
//! call     = "." | function { argument }
//! argument = text in quotes or backquotes | number | "(" pipeline ")"
//! ```
//!
//! - [`grammar`]: text to pipelines;
//! - [`functions`]: what each function gives;
//! - [`select`]: which addresses a filter lets through, and their order;
//! - [`networks`]: the networks that RFCs set aside;
//! - [`interfaces`]: the addresses that this machine has.

mod functions;
mod grammar;
pub(crate) mod interfaces;
mod networks;
mod select;

#[cfg(test)]
mod tests;

use self::interfaces::{Addresses, InterfaceAddress};

/// What a part of a pipeline gives.
#[derive(Clone, Debug)]
enum Value {
    Addresses(Addresses),
    Text(String),
    Number(i64),
}

/// Whether a text is a template at all.
pub(crate) fn is_template(text: &str) -> bool {
    text.contains("{{")
}

/// The text that a template gives on a machine with these addresses. An error is the end of a sentence about it.
pub(crate) fn expand(template: &str, addresses: &[InterfaceAddress]) -> Result<String, String> {
    let mut expanded = String::new();
    for part in grammar::parse(template)? {
        match part {
            grammar::Part::Text(text) => expanded.push_str(text),
            grammar::Part::Pipeline(pipeline) => match evaluate(&pipeline, addresses)? {
                Value::Text(text) => expanded.push_str(&text),
                Value::Number(number) => expanded.push_str(&number.to_string()),
                Value::Addresses(_) => {
                    return Err("the template gives interfaces; end it with attr or join to have text".to_owned());
                }
            },
        }
    }
    Ok(expanded)
}

fn evaluate(pipeline: &[grammar::Call], all: &[InterfaceAddress]) -> Result<Value, String> {
    let mut result = None;
    for call in pipeline {
        let mut arguments = Vec::new();
        for argument in &call.arguments {
            arguments.push(match argument {
                grammar::Argument::Text(text) => Value::Text(text.clone()),
                grammar::Argument::Number(number) => Value::Number(*number),
                grammar::Argument::Pipeline(inner) => evaluate(inner, all)?,
            });
        }
        arguments.extend(result.take());
        result = Some(functions::call(&call.function, arguments, all)?);
    }
    result.ok_or_else(|| "a template is empty".to_owned())
}
