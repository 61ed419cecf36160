//! Finds the end of the first JSON value, with Go's words for what is wrong on the way.

use super::{Error, push_quoted};

/// How deep lists and objects may be nested. No body of the API needs more than eight; Go's own bound is 10,000, which a
/// recursive reader can't offer.
pub(super) const DEPTH_MAX: usize = 128;

/// The first value of `body`, from its first byte to its last, checked to be JSON.
pub(super) fn first_value(body: &[u8]) -> Result<&[u8], Error> {
    let mut scanner = Scanner { body, at: 0 };
    scanner.skip_spaces();
    let start = scanner.at;
    if start == body.len() {
        return Err(Error::new("EOF"));
    }
    scanner.value(0)?;
    Ok(&body[start..scanner.at])
}

/// The value that begins at `at` ends before the returned position. The body must have been checked.
pub(super) fn end_of_value(body: &[u8], at: usize) -> Result<usize, Error> {
    let mut scanner = Scanner { body, at };
    scanner.value(0)?;
    Ok(scanner.at)
}

struct Scanner<'a> {
    body: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn value(&mut self, depth: usize) -> Result<(), Error> {
        const CONTEXT: &str = "looking for beginning of value";
        match self.peek()? {
            b'{' => self.object(depth + 1),
            b'[' => self.list(depth + 1),
            b'"' => self.string(),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            _ => Err(self.unexpected(CONTEXT)),
        }
    }

    fn object(&mut self, depth: usize) -> Result<(), Error> {
        self.enter(depth)?;
        if self.peek_behind_spaces()? == b'}' {
            self.at += 1;
            return Ok(());
        }
        loop {
            if self.peek_behind_spaces()? != b'"' {
                return Err(self.unexpected("looking for beginning of object key string"));
            }
            self.string()?;
            if self.peek_behind_spaces()? != b':' {
                return Err(self.unexpected("after object key"));
            }
            self.at += 1;
            self.peek_behind_spaces()?;
            self.value(depth)?;
            match self.peek_behind_spaces()? {
                b',' => self.at += 1,
                b'}' => break,
                _ => return Err(self.unexpected("after object key:value pair")),
            }
        }
        self.at += 1;
        Ok(())
    }

    fn list(&mut self, depth: usize) -> Result<(), Error> {
        self.enter(depth)?;
        if self.peek_behind_spaces()? == b']' {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.peek_behind_spaces()?;
            self.value(depth)?;
            match self.peek_behind_spaces()? {
                b',' => self.at += 1,
                b']' => break,
                _ => return Err(self.unexpected("after array element")),
            }
        }
        self.at += 1;
        Ok(())
    }

    /// Steps over the opening bracket.
    fn enter(&mut self, depth: usize) -> Result<(), Error> {
        if depth > DEPTH_MAX {
            return Err(Error::new("exceeded max depth"));
        }
        self.at += 1;
        Ok(())
    }

    fn string(&mut self) -> Result<(), Error> {
        self.at += 1;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.escape()?,
                0..0x20 => return Err(self.unexpected("in string literal")),
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Ok(())
    }

    fn escape(&mut self) -> Result<(), Error> {
        self.at += 1;
        let is_hexadecimal = match self.peek()? {
            b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"' => false,
            b'u' => true,
            _ => return Err(self.unexpected("in string escape code")),
        };
        self.at += 1;
        for _ in 0..if is_hexadecimal { 4 } else { 0 } {
            if !self.peek()?.is_ascii_hexdigit() {
                return Err(self.unexpected("in \\u hexadecimal character escape"));
            }
            self.at += 1;
        }
        Ok(())
    }

    /// A number may be the last thing in the body, unlike any other unfinished value.
    fn number(&mut self) -> Result<(), Error> {
        if self.next_is(b"-") {
            self.at += 1;
        }
        match self.peek()? {
            b'0' => self.at += 1,
            b'1'..=b'9' => self.skip_digits(),
            _ => return Err(self.unexpected("in numeric literal")),
        }
        if self.next_is(b".") {
            self.at += 1;
            self.digits("after decimal point in numeric literal")?;
        }
        if self.next_is(b"eE") {
            self.at += 1;
            if self.next_is(b"+-") {
                self.at += 1;
            }
            self.digits("in exponent of numeric literal")?;
        }
        Ok(())
    }

    /// At least one digit.
    fn digits(&mut self, context: &str) -> Result<(), Error> {
        if !self.peek()?.is_ascii_digit() {
            return Err(self.unexpected(context));
        }
        self.skip_digits();
        Ok(())
    }

    fn skip_digits(&mut self) {
        while self.next_is(b"0123456789") {
            self.at += 1;
        }
    }

    fn literal(&mut self, word: &str) -> Result<(), Error> {
        for expected in word.bytes() {
            if self.peek()? != expected {
                let context = format!("in literal {word} (expecting '{}')", expected as char);
                return Err(self.unexpected(&context));
            }
            self.at += 1;
        }
        Ok(())
    }

    fn peek(&self) -> Result<u8, Error> {
        self.body.get(self.at).copied().ok_or_else(|| Error::new("unexpected EOF"))
    }

    fn peek_behind_spaces(&mut self) -> Result<u8, Error> {
        self.skip_spaces();
        self.peek()
    }

    fn next_is(&self, any_of: &[u8]) -> bool {
        self.body.get(self.at).is_some_and(|byte| any_of.contains(byte))
    }

    fn skip_spaces(&mut self) {
        while self.next_is(b" \t\r\n") {
            self.at += 1;
        }
    }

    /// What is wrong with the next byte. Go shows a byte as the character of that number.
    fn unexpected(&self, context: &str) -> Error {
        let mut message = "invalid character '".to_owned();
        match self.body.get(self.at).copied().unwrap_or(b' ') {
            b'\'' => message.push_str("\\'"),
            b'"' => message.push('"'),
            byte => push_quoted(&mut message, byte as char),
        }
        message.push_str("' ");
        message.push_str(context);
        Error::new(message)
    }
}
