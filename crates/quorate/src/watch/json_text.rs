//! JSON as text, with other spaces: what a server answered, in its own order.

/// Without any space.
pub(crate) fn compact(json: &str) -> String {
    rewritten(json, None)
}

/// With four spaces for each level, as Go's encoder writes it.
pub(crate) fn indented(json: &str) -> String {
    rewritten(json, Some("    "))
}

fn rewritten(json: &str, indent: Option<&str>) -> String {
    let mut text = String::with_capacity(json.len());
    let mut depth = 0;
    let mut characters = json.chars().peekable();
    let line = |text: &mut String, depth: usize| {
        if let Some(indent) = indent {
            text.push('\n');
            (0..depth).for_each(|_| text.push_str(indent));
        }
    };
    while let Some(c) = characters.next() {
        match c {
            ' ' | '\n' | '\r' | '\t' => {}
            '"' => string(&mut text, &mut characters),
            '{' | '[' => {
                text.push(c);
                while characters.next_if(|c| c.is_ascii_whitespace()).is_some() {}
                // An empty one stays on its line.
                match characters.next_if(|c| matches!(c, '}' | ']')) {
                    Some(end) => text.push(end),
                    None => {
                        depth += 1;
                        line(&mut text, depth);
                    }
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut text, depth);
                text.push(c);
            }
            ',' => {
                text.push(c);
                line(&mut text, depth);
            }
            ':' => text.push_str(if indent.is_some() { ": " } else { ":" }),
            other => text.push(other),
        }
    }
    text
}

/// Copies a string behind its opening quote.
fn string(text: &mut String, characters: &mut impl Iterator<Item = char>) {
    text.push('"');
    while let Some(c) = characters.next() {
        text.push(c);
        match c {
            '"' => return,
            '\\' => text.extend(characters.next()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_spaces_outside_of_strings_change() {
        let json = "[ {\"a b\\\" [,\": 1, \"c\":[ ]},{ } ]";
        assert_eq!(compact(json), "[{\"a b\\\" [,\":1,\"c\":[]},{}]");
        let expected = "[\n    {\n        \"a b\\\" [,\": 1,\n        \"c\": []\n    },\n    {}\n]";
        assert_eq!(indented(json), expected);
        assert_eq!(compact(&indented(json)), compact(json));
    }
}
