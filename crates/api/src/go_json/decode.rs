//! The serde deserializer over one checked JSON value.

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::text::unescaped;
use super::{Error, names, probe, scan};

/// Reads the value at `at`.
pub(super) struct Decoder<'a> {
    body: &'a [u8],
    at: usize,
    /// The containers on the way to here, outermost first.
    frames: Vec<Frame>,
    /// Whether unknown keys are passed over here.
    is_loose: bool,
    /// The Go type of the value at a position, where its visitor does not tell.
    named: Option<(usize, &'static str)>,
}

/// A container and the field of it that is being read.
struct Frame {
    container: &'static str,
    field: &'static str,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(value: &'a [u8]) -> Self {
        Self { body: value, at: 0, frames: Vec::new(), is_loose: false, named: None }
    }

    fn peek(&self) -> u8 {
        self.body.get(self.at).copied().unwrap_or(b' ')
    }

    /// The next byte that is not space.
    fn skip_spaces(&mut self) -> u8 {
        while matches!(self.peek(), b' ' | b'\t' | b'\r' | b'\n') && self.at < self.body.len() {
            self.at += 1;
        }
        self.peek()
    }

    /// Steps over the value here and gives its text.
    fn take_value(&mut self) -> Result<&'a [u8], Error> {
        let start = self.at;
        self.at = scan::end_of_value(self.body, start)?;
        Ok(&self.body[start..self.at])
    }

    /// Steps over `null`, if it is here.
    fn take_null(&mut self) -> bool {
        let is_null = self.peek() == b'n';
        if is_null {
            self.at += "null".len();
        }
        is_null
    }

    fn take_string(&mut self) -> Result<String, Error> {
        let text = self.take_value()?;
        Ok(unescaped(&text[1..text.len() - 1]))
    }

    /// The value here is not of the wanted type.
    fn mismatch(&self, wanted: &str) -> Error {
        self.mismatch_of(kind(self.peek()), wanted)
    }

    fn mismatch_of(&self, found: &str, wanted: &str) -> Error {
        let wanted = self.named.filter(|(at, _)| *at == self.at).map_or(wanted, |(_, name)| name);
        // What Go decodes by an own `UnmarshalJSON` is told under the last container before the first of these.
        let ends = |frame: &Frame| frame.container.starts_with("struct {");
        let own = self.frames.iter().skip(1).position(ends).map_or(self.frames.len(), |after_first| after_first + 1);
        let Some(last) = self.frames[..own].last() else {
            return Error::new(format!("json: cannot unmarshal {found} into Go value of type {wanted}"));
        };
        let container = if ends(last) { "" } else { last.container.rsplit('.').next().unwrap_or_default() };
        let path: Vec<_> = self.frames.iter().map(|frame| names::path_of_field(frame.container, frame.field)).collect();
        let path = path.join(".");
        Error::new(format!("json: cannot unmarshal {found} into Go struct field {container}.{path} of type {wanted}"))
    }

    /// The text of a number, or of none for null.
    fn take_number(&mut self, wanted: &str) -> Result<Option<&'a str>, Error> {
        match self.peek() {
            b'n' => {
                self.take_null();
                Ok(None)
            }
            b'-' | b'0'..=b'9' => {
                let start = self.at;
                let text = self.take_value()?;
                self.at = start;
                Ok(Some(std::str::from_utf8(text).map_err(|_| self.mismatch(wanted))?))
            }
            _ => Err(self.mismatch(wanted)),
        }
    }

    /// A number as Go's `strconv` parses it for that type; zero for null.
    fn parse_number<N: std::str::FromStr + Default>(&mut self, wanted: &str) -> Result<N, Error> {
        let Some(text) = self.take_number(wanted)? else { return Ok(N::default()) };
        let number = text.parse().map_err(|_| self.mismatch_of(&format!("number {text}"), wanted))?;
        self.at += text.len();
        Ok(number)
    }

    fn any_number<'de, V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        let text = self.take_number("float64")?.unwrap_or("0");
        if let Ok(number) = text.parse() {
            self.at += text.len();
            return visitor.visit_u64(number);
        }
        // Not the negative zero, which only a float has.
        if let Some(number) = text.parse().ok().filter(|number| *number != 0) {
            self.at += text.len();
            return visitor.visit_i64(number);
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => {
                self.at += text.len();
                visitor.visit_f64(number)
            }
            _ => Err(self.mismatch_of(&format!("number {text}"), "float64")),
        }
    }
}

/// What Go calls the value that begins with this byte.
fn kind(first: u8) -> &'static str {
    match first {
        b'{' => "object",
        b'[' => "array",
        b'"' => "string",
        b't' | b'f' => "bool",
        b'n' => "null",
        _ => "number",
    }
}

impl<'de> Deserializer<'de> for &mut Decoder<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.peek() {
            b'{' => self.deserialize_map(visitor),
            b'[' => self.deserialize_seq(visitor),
            b'"' => self.deserialize_string(visitor),
            b't' | b'f' => self.deserialize_bool(visitor),
            b'n' => {
                self.take_null();
                visitor.visit_unit()
            }
            _ => self.any_number(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.peek() {
            b't' | b'f' => visitor.visit_bool(self.take_value()? == b"true"),
            _ if self.take_null() => visitor.visit_bool(false),
            _ => Err(self.mismatch("bool")),
        }
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_i64(self.parse_number("int")?)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_u64(self.parse_number("uint64")?)
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_u8(self.parse_number("uint8")?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.peek() {
            b'"' => visitor.visit_string(self.take_string()?),
            _ if self.take_null() => visitor.visit_str(""),
            _ => Err(self.mismatch("string")),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_string(visitor)
    }

    /// Base64, or a list of numbers.
    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.peek() {
            b'"' => visitor.visit_string(self.take_string()?),
            b'[' => self.deserialize_seq(visitor),
            _ if self.take_null() => visitor.visit_str(""),
            _ => Err(self.mismatch("[]uint8")),
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_byte_buf(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.take_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Error> {
        self.named = Some((self.at, name));
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.peek() == b'[' {
            self.at += 1;
            return visitor.visit_seq(List { decoder: self, is_first: true, has_ended: false });
        }
        if self.take_null() {
            return visitor.visit_seq(List { decoder: self, is_first: false, has_ended: true });
        }
        Err(self.mismatch(&probe::list_type(visitor)))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.peek() == b'{' {
            self.at += 1;
            return visitor.visit_map(Map { decoder: self, is_first: true, has_ended: false });
        }
        if self.take_null() {
            return visitor.visit_map(Map { decoder: self, is_first: false, has_ended: true });
        }
        Err(self.mismatch(&probe::map_type(visitor)))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let is_object = self.peek() == b'{';
        if !is_object && !self.take_null() {
            return Err(self.mismatch(probe::container_type(name)));
        }
        let outer_is_loose = self.is_loose;
        if name.starts_with("struct {") {
            self.is_loose = name.ends_with(" loose");
        }
        let members = if is_object { self.members(fields)? } else { Vec::new() };
        let end = self.at;
        let value = visitor.visit_map(Members {
            decoder: self,
            container: name,
            members: members.into_iter(),
            current: Member { field: UNKNOWN, at: end },
        })?;
        self.at = end;
        self.is_loose = outer_is_loose;
        Ok(value)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.take_value()?;
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i128 u16 u32 u128 f32 f64 char unit unit_struct tuple tuple_struct enum identifier
    }
}

impl Decoder<'_> {
    /// The fields that the object here gives, each once, with the positions of their values; steps over the object.
    fn members(&mut self, fields: &'static [&'static str]) -> Result<Vec<Member>, Error> {
        let mut members: Vec<Member> = Vec::new();
        // The first ends the reading, so there is no need to note more: a body can have very many.
        let mut has_unknown = false;
        self.at += 1;
        while self.skip_spaces() != b'}' {
            if self.peek() == b',' {
                self.at += 1;
                self.skip_spaces();
            }
            let key_at = self.at;
            let key = self.take_string()?;
            self.skip_spaces();
            self.at += 1;
            self.skip_spaces();
            let value_at = self.at;
            let exact = fields.iter().find(|field| **field == key);
            match exact.or_else(|| fields.iter().find(|field| field.eq_ignore_ascii_case(&key))) {
                Some(field) => match members.iter_mut().find(|member| member.field == *field) {
                    Some(member) => member.at = value_at,
                    None => members.push(Member { field, at: value_at }),
                },
                None if self.is_loose || has_unknown => {}
                None => {
                    has_unknown = true;
                    members.push(Member { field: UNKNOWN, at: key_at });
                }
            }
            self.take_value()?;
        }
        self.at += 1;
        self.drop_older_spellings(&mut members);
        Ok(members)
    }

    /// Of a field that is given in several spellings the newest counts that says something.
    fn drop_older_spellings(&self, members: &mut Vec<Member>) {
        if !members.iter().any(|member| names::age(member.field) > 0) {
            return;
        }
        // The smallest counts. There are at most as many as the type has fields.
        let rank = |member: &Member| (self.is_zero(member.at), names::age(member.field));
        let ranks: Vec<_> = members.iter().map(|member| (member.field, rank(member))).collect();
        members.retain(|member| {
            let own = rank(member);
            !ranks.iter().any(|(field, rank)| names::are_one_field(field, member.field) && *rank < own)
        });
    }

    /// Whether the value at a position is what Go has where nothing is given.
    fn is_zero(&self, at: usize) -> bool {
        let end = scan::end_of_value(self.body, at).unwrap_or(at);
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        let value: Vec<u8> = self.body[at..end].iter().copied().filter(|byte| !is_space(byte)).take(6).collect();
        // A text of spaces is one.
        let is_text = self.body.get(at + 1).is_some_and(is_space) && value == b"\"\"";
        !is_text && [&b"null"[..], b"false", b"0", b"\"\"", b"[]", b"{}"].contains(&&*value)
    }
}

/// A field that an object gives, with the position of its value.
struct Member {
    field: &'static str,
    at: usize,
}

/// Stands for a key that no field has; its position is that of the key. It is an error only when its turn comes, since of
/// several errors in a body the first counts.
const UNKNOWN: &str = "";

/// The members of an object that is read as a container.
struct Members<'d, 'a> {
    decoder: &'d mut Decoder<'a>,
    container: &'static str,
    members: std::vec::IntoIter<Member>,
    current: Member,
}

impl<'de> MapAccess<'de> for Members<'_, '_> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        let Some(member) = self.members.next() else { return Ok(None) };
        if member.field == UNKNOWN {
            self.decoder.at = member.at;
            return Err(Error::no_such_field(&self.decoder.take_string()?));
        }
        self.current = member;
        seed.deserialize(serde::de::value::StrDeserializer::new(self.current.field)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let Self { decoder, container, current, .. } = self;
        decoder.at = current.at;
        decoder.named = names::type_of_field(container, current.field).map(|name| (current.at, name));
        decoder.frames.push(Frame { container, field: current.field });
        let value = seed.deserialize(&mut **decoder)?;
        decoder.frames.pop();
        Ok(value)
    }
}

/// The elements of a list.
struct List<'d, 'a> {
    decoder: &'d mut Decoder<'a>,
    is_first: bool,
    has_ended: bool,
}

impl<'de> SeqAccess<'de> for List<'_, '_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        self.has_ended = self.has_ended || self.decoder.has_ended(b']', &mut self.is_first);
        if self.has_ended { Ok(None) } else { seed.deserialize(&mut *self.decoder).map(Some) }
    }
}

/// The entries of an object that is read as a map.
struct Map<'d, 'a> {
    decoder: &'d mut Decoder<'a>,
    is_first: bool,
    has_ended: bool,
}

impl<'de> MapAccess<'de> for Map<'_, '_> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        self.has_ended = self.has_ended || self.decoder.has_ended(b'}', &mut self.is_first);
        if self.has_ended { Ok(None) } else { seed.deserialize(&mut *self.decoder).map(Some) }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        self.decoder.skip_spaces();
        self.decoder.at += 1;
        self.decoder.skip_spaces();
        seed.deserialize(&mut *self.decoder)
    }
}

impl Decoder<'_> {
    /// Steps to the next element, or over the closing bracket.
    fn has_ended(&mut self, closing: u8, is_first: &mut bool) -> bool {
        let next = self.skip_spaces();
        if next == closing {
            self.at += 1;
            return true;
        }
        if !std::mem::take(is_first) {
            self.at += 1;
            self.skip_spaces();
        }
        false
    }
}
