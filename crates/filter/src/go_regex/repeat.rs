//! Counted repetitions, which Go bounds by what they come to when they stand inside one another.

/// The highest count in a repetition, and the highest product of counts inside one another. It is Go's limit.
const COUNT_MAX: u32 = 1000;

/// `{least,most}`; without `most` there is no upper bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Count {
    least: u32,
    most: Option<u32>,
}

/// Reads `{n}`, `{n,}` or `{n,m}`: its length, and the count unless its numbers are refused. Nothing if it is not of that
/// form.
pub(super) fn count(text: &str) -> Option<(usize, Option<Count>)> {
    let length = text[1..].bytes().take_while(|b| b.is_ascii_digit() || *b == b',').count();
    let inner = text[1 + length..].starts_with('}').then(|| &text[1..=length])?;
    let number = |digits: &str| -> Option<u32> {
        let plain = !digits.is_empty() && !digits.contains(',');
        let well_formed = plain && (digits.len() == 1 || !digits.starts_with('0'));
        // Too many digits for a number is far above the limit as well.
        well_formed.then(|| digits.parse().unwrap_or(u32::MAX))
    };
    let (least, most) = match inner.split_once(',') {
        None => (number(inner)?, Some(number(inner)?)),
        Some((least, "")) => (number(least)?, None),
        Some((least, most)) => (number(least)?, Some(number(most)?)),
    };
    let fits = least <= COUNT_MAX && most.is_none_or(|most| most <= COUNT_MAX && least <= most);
    Some((length + 2, fits.then_some(Count { least, most })))
}

/// How often the innermost thing is repeated, group by group.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    /// The group that is being read, which is the whole pattern where none is open.
    group: Group,
    /// Those around it, from the outside in.
    outer: Vec<Group>,
}

#[derive(Clone, Copy, Debug)]
struct Group {
    /// The largest product of counts in what was read of it before the operand; 1 if nothing is counted.
    product: u32,
    /// The same in the operand: what a repetition would repeat, if there is such a thing.
    operand: Option<u32>,
}

impl Default for Counts {
    fn default() -> Self {
        Self { group: Group { product: 1, operand: None }, outer: Vec::new() }
    }
}

impl Counts {
    /// How many groups are open.
    pub(super) fn depth(&self) -> usize {
        self.outer.len()
    }

    /// Something was read that can be repeated.
    pub(super) fn operand(&mut self) {
        self.end_operand();
        self.group.operand = Some(1);
    }

    /// What comes next does not repeat what was read.
    pub(super) fn end_operand(&mut self) {
        let operand = self.group.operand.take().unwrap_or(1);
        self.group.product = self.group.product.max(operand);
    }

    /// Whether there is something that a repetition could repeat.
    pub(super) fn has_operand(&self) -> bool {
        self.group.operand.is_some()
    }

    /// A group begins.
    pub(super) fn open(&mut self) {
        self.outer.push(std::mem::replace(&mut self.group, Group { product: 1, operand: None }));
    }

    /// The group that is being read ends, and can be repeated.
    pub(super) fn close(&mut self) {
        self.end_operand();
        if let Some(outer) = self.outer.pop() {
            self.group = Group { operand: Some(self.group.product), ..outer };
        }
    }

    /// Repeats what can be repeated. False if that comes to more than is allowed.
    pub(super) fn repeat(&mut self, Count { least, most }: Count) -> bool {
        let times = most.unwrap_or(least);
        let inner = self.group.operand.unwrap_or(1);
        // What is repeated not at all is not there; what has no upper bound counts by its lower one.
        let product = if most == Some(0) { 1 } else { inner * times.max(1) };
        self.group.operand = Some(product);
        // Go looks only where something is to be copied.
        product <= COUNT_MAX || times < 2
    }
}
